import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Workers: what they said of themselves, and apart from it what changes with every heartbeat. */
export class Workers1790000000040 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table workers (
        id uuid primary key,
        organization_id uuid references organizations on delete cascade,
        name text not null,
        status text not null default 'active' check (status in ('active', 'paused', 'draining', 'stopped')),
        labels text[] not null default '{}',
        agent_types text[],
        launchers jsonb,
        launcher_names text[],
        isolation text not null default 'none' check (isolation in ('uid', 'namespace', 'wrapper', 'none')),
        capacity integer not null default 1 check (capacity between 1 and 256),
        version text,
        protocol integer not null default 1,
        host text,
        note text,
        registered_at timestamptz not null default now()
      )`);
    await runner.query('create index workers_organization_id_idx on workers (organization_id)');
    // Two indexes, because null, the instance, is not equal to null.
    await runner.query(
      'create unique index workers_name_key on workers (organization_id, name) where organization_id is not null',
    );
    await runner.query('create unique index workers_instance_name_key on workers (name) where organization_id is null');
    await runner.query(`
      create table worker_liveness (
        worker_id uuid primary key references workers on delete cascade,
        last_heartbeat timestamptz,
        last_work_at timestamptz,
        key_id uuid,
        running integer not null default 0 check (running >= 0),
        completed integer not null default 0,
        failed integer not null default 0,
        metrics jsonb
      ) with (fillfactor = 50)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table worker_liveness');
    await runner.query('drop table workers');
  }
}
