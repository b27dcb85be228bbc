import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Registered Git repositories. `source_key` is the normalised source: the same one is registered once a tenant. */
export class Repositories1790000000020 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table repositories (
        id uuid primary key,
        organization_id uuid not null references organizations on delete cascade,
        full_name text,
        clone_url text,
        local_path text,
        source_key text not null,
        default_branch text,
        status text not null default 'syncing' check (status in ('ready', 'syncing', 'error')),
        last_error text,
        last_synced_at timestamptz,
        default_agent_type text,
        created_at timestamptz not null default now(),
        unique (organization_id, source_key),
        constraint repositories_source_check check (num_nonnulls(clone_url, local_path) = 1)
      )`);
    await runner.query('create index repositories_page_idx on repositories (organization_id, created_at, id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table repositories');
  }
}
