import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A token that is rotated out goes on being that of its worker until it expires. */
export class WorkerTokens1790000000401 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table worker_liveness add former_key_ids uuid[] not null default '{}'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table worker_liveness drop former_key_ids');
  }
}
