import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The default branch of a repository follows its source unless somebody chose it. Of those that are there it is not
 * known, so that they stay as they are until somebody says otherwise.
 */
export class FollowedBranches1790000000530 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table repositories
      add default_branch_chosen boolean not null default false,
      add notice text`);
    await runner.query('update repositories set default_branch_chosen = true where default_branch is not null');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table repositories drop default_branch_chosen, drop notice');
  }
}
