import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What stays in an environment after a promotion is a deployment like any other, and not a note beside one. */
export class PromotedDeployments1790000000580 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table deployments add promoted_from uuid
      constraint deployments_promoted_from_fkey references deployments on delete set null`);
    await runner.query('create index deployments_promoted_from_idx on deployments (promoted_from)');
    // Each note is what the next one, and the last of all what the deployment itself was promoted from.
    await runner.query(`
      insert into deployments (id, organization_id, repository_id, version, commit_sha, environment, status, source, actor,
        deployed_by, pull_request_number, notes, released_at, version_key, created_at, updated_at, started_at, completed_at,
        promoted_from)
      select s.id, d.organization_id, d.repository_id, d.version, d.commit_sha, s.environment, 'success', d.source, s.actor,
        s.deployed_by, d.pull_request_number, d.notes, d.released_at, d.version_key, d.created_at, s.promoted_at,
        s.started_at, s.completed_at, lag(s.id) over (partition by s.deployment_id order by s.promoted_at, s.id)
      from deployment_stages s join deployments d on d.id = s.deployment_id`);
    await runner.query(`
      update deployments d set promoted_from = s.id from (
        select distinct on (deployment_id) deployment_id, id from deployment_stages
        order by deployment_id, promoted_at desc, id desc
      ) s where d.id = s.deployment_id`);
    await runner.query('drop table deployment_stages');
  }

  /** What had stayed remains a deployment: that it is there is as true as before. */
  async down(runner: QueryRunner): Promise<void> {
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
    await runner.query('alter table deployments drop promoted_from');
  }
}
