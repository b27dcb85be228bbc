import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A worker that has ended in order is stopped, and not missed first and then lost. */
export class OrderlyEnds1790000000562 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table worker_liveness add stop_note text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table worker_liveness drop stop_note');
  }
}
