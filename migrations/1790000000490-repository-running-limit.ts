import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How many tasks of a repository may run at a time. The index is for claims, which look for those that have a limit. */
export class RepositoryRunningLimit1790000000490 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table repositories add column max_running integer
        constraint repositories_max_running_check check (max_running > 0)`);
    await runner.query('create index repositories_max_running_idx on repositories (id) where max_running is not null');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table repositories drop column max_running');
  }
}
