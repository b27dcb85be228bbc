import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How many lines a worker has left out of the log of an execution, so that the record says it, too. */
export class LinesLeftOut1790000000560 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table agent_executions add log_left_out integer not null default 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table agent_executions drop log_left_out');
  }
}
