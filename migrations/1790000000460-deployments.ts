import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Recorded deployments, where they were before they were promoted, and which environments there are. */
export class Deployments1790000000460 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table deployments (
        id uuid primary key,
        organization_id uuid not null references organizations on delete cascade,
        repository_id uuid not null references repositories on delete cascade,
        version text not null,
        commit_sha text not null,
        environment text not null,
        status text not null check (status in ('recorded', 'in_progress', 'success', 'failed', 'rolled_back')),
        source text not null check (source in ('api', 'github')),
        actor jsonb not null,
        deployed_by text,
        pull_request_number integer check (pull_request_number > 0),
        notes text,
        released_at timestamptz not null,
        version_key bytea not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        started_at timestamptz,
        completed_at timestamptz,
        rolled_back_at timestamptz
      )`);
    await runner.query(
      'create index deployments_page_idx on deployments (organization_id, released_at, version_key, id)',
    );
    await runner.query(
      'create index deployments_repository_page_idx on deployments (repository_id, released_at, version_key, id)',
    );
    await runner.query('create index deployments_version_idx on deployments (repository_id, commit_sha)');
    await runner.query(
      `create index deployments_current_idx on deployments (repository_id, environment, completed_at, id)
       where status = 'success'`,
    );
    await runner.query(
      `create index deployments_under_way_idx on deployments (repository_id, environment, started_at, id)
       where status = 'in_progress'`,
    );
    await runner.query(`
      create table deployment_stages (
        id uuid primary key,
        deployment_id uuid not null references deployments on delete cascade,
        repository_id uuid not null references repositories on delete cascade,
        environment text not null,
        actor jsonb not null,
        deployed_by text,
        started_at timestamptz,
        completed_at timestamptz not null,
        promoted_at timestamptz not null default now()
      )`);
    await runner.query('create index deployment_stages_deployment_id_idx on deployment_stages (deployment_id)');
    await runner.query(
      'create index deployment_stages_current_idx on deployment_stages (repository_id, environment, completed_at)',
    );
    await runner.query(`
      create table deployment_environments (
        organization_id uuid not null references organizations on delete cascade,
        repository_id uuid not null references repositories on delete cascade,
        environment text not null,
        primary key (repository_id, environment)
      )`);
    await runner.query(
      `create index deployment_environments_page_idx
       on deployment_environments (organization_id, repository_id, environment)`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table deployment_environments, deployment_stages, deployments');
  }
}
