import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How old records are found, so that they leave in small steps. */
export class Retention1790000000260 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table agent_executions add logs_removed_at timestamptz');
    await runner.query(
      'create index agent_executions_logs_age_idx on agent_executions (finished_at) where logs_removed_at is null',
    );
    await runner.query('create index tasks_completed_at_idx on tasks (completed_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index tasks_completed_at_idx');
    await runner.query('drop index agent_executions_logs_age_idx');
    await runner.query('alter table agent_executions drop logs_removed_at');
  }
}
