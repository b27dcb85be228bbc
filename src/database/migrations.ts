import type { MigrationInterface } from 'typeorm';

/** Every migration in the order of its number. */
export const migrations: (new () => MigrationInterface)[] = [];
