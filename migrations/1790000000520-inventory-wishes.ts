import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether a worker is to tell at once what is on its disk: every answer to it asks for that until it has. */
export class InventoryWishes1790000000520 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table worker_liveness add inventory_asked boolean not null default false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table worker_liveness drop inventory_asked');
  }
}
