import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who supervises a worker. The foreign key comes with the table of coordinators. */
export class WorkerCoordinators1790000000402 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table workers add coordinator_id uuid');
    await runner.query('create index workers_coordinator_id_idx on workers (coordinator_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table workers drop coordinator_id');
  }
}
