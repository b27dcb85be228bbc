import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the checkout of a running execution held when its worker looked at it last, and when something was pushed. */
export class ExecutionSights1790000000576 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table execution_sights (
        execution_id uuid not null constraint execution_sights_pkey primary key
          constraint execution_sights_execution_id_fkey references agent_executions (id) on delete cascade,
        commit_sha text not null,
        seen_at timestamptz not null
      )`);
    await runner.query('alter table agent_executions add pushed_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table agent_executions drop pushed_at');
    await runner.query('drop table execution_sights');
  }
}
