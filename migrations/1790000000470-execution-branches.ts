import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whose a branch is: the index by repository tells it too when it goes on with the branch. */
export class ExecutionBranches1790000000470 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create index agent_executions_branch_idx on agent_executions (repository_id, branch)');
    await runner.query('drop index agent_executions_repository_id_idx');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('create index agent_executions_repository_id_idx on agent_executions (repository_id)');
    await runner.query('drop index agent_executions_branch_idx');
  }
}
