import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Executions know the coordinator of their worker, also when either is gone: so it refers to nothing. */
export class ExecutionCoordinators1790000000442 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table agent_executions add coordinator_id uuid');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table agent_executions drop coordinator_id');
  }
}
