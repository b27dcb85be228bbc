import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whose a commit is: versions that are compared tell which tasks are new. */
export class ExecutionCommits1790000000521 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `create index agent_executions_commit_idx on agent_executions (repository_id, commit_sha)
       where commit_sha is not null`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index agent_executions_commit_idx');
  }
}
