import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Ids of linked work trees, which git knows by a name that may be used again. What they hold is read from the disk. */
export class LinkedWorktrees1790000000451 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table linked_worktrees (
        id uuid primary key,
        organization_id uuid not null,
        repository_id uuid not null references repositories on delete cascade,
        name bytea not null,
        created_at timestamptz not null,
        constraint linked_worktrees_repository_id_name_key unique (repository_id, name)
      )`);
    await runner.query('create index linked_worktrees_page_idx on linked_worktrees (organization_id, created_at, id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table linked_worktrees');
  }
}
