import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a version was when it was deployed is looked up by its name, once its tag is gone. */
export class DeploymentNames1790000000600 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create index deployments_name_idx on deployments (repository_id, version_key, created_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index deployments_name_idx');
  }
}
