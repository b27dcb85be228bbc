import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether pull requests are opened for tasks of a repository that do not say it themselves. */
export class RepositoryAutoPr1790000000501 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table repositories add auto_pr boolean not null default false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table repositories drop auto_pr');
  }
}
