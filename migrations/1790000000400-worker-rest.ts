import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A worker that is paused or drained gets nothing. Until when stands in its narrow row, which each claim locks, and reads
 * behind the lock.
 */
export class WorkerRest1790000000400 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table worker_liveness add rests_until timestamptz');
    await runner.query(
      `update worker_liveness set rests_until = 'infinity' where worker_id in (select id from workers where status <> 'active')`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table worker_liveness drop rests_until');
  }
}
