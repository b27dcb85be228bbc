import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A coordinator that was drained by its own process begins anew when that is started again. */
export class OwnDrains1790000000443 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table coordinators add drained_by_itself boolean not null default false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table coordinators drop drained_by_itself');
  }
}
