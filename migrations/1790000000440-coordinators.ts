import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Processes that supervise the workers of a host, and what they report of it. */
export class Coordinators1790000000440 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table coordinators (
        id uuid constraint coordinators_pkey primary key,
        organization_id uuid constraint coordinators_organization_id_fkey references organizations on delete cascade,
        name text not null,
        host text not null,
        capacity integer constraint coordinators_capacity_check check (capacity between 1 and 65536),
        labels text[] not null default '{}',
        status text not null default 'active' constraint coordinators_status_check check (status in ('active', 'draining')),
        note text,
        metrics jsonb,
        last_heartbeat timestamptz,
        registered_at timestamptz not null default now(),
        told_health text not null default 'unknown',
        told_lost boolean not null default false
      )`);
    await runner.query(
      'create unique index coordinators_name_key on coordinators (organization_id, name) where organization_id is not null',
    );
    await runner.query(
      'create unique index coordinators_instance_name_key on coordinators (name) where organization_id is null',
    );
    await runner.query('create index coordinators_organization_id_idx on coordinators (organization_id)');
    await runner.query(`
      create table coordinator_metrics (
        id uuid constraint coordinator_metrics_pkey primary key,
        coordinator_id uuid not null constraint coordinator_metrics_coordinator_id_fkey references coordinators on delete cascade,
        recorded_at timestamptz not null default now(),
        metrics jsonb not null
      )`);
    await runner.query(
      'create index coordinator_metrics_page_idx on coordinator_metrics (coordinator_id, recorded_at desc, id desc)',
    );
    await runner.query('create index coordinator_metrics_recorded_at_idx on coordinator_metrics (recorded_at)');
    // Nothing could name one before there were any.
    await runner.query('update workers set coordinator_id = null where coordinator_id is not null');
    await runner.query(`
      alter table workers add constraint workers_coordinator_id_fkey
        foreign key (coordinator_id) references coordinators on delete set null`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table workers drop constraint workers_coordinator_id_fkey');
    await runner.query('drop table coordinator_metrics');
    await runner.query('drop table coordinators');
  }
}
