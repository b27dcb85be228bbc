import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What has to be done. The record; what changes while a task waits or runs is in the queue's own tables. */
export class Tasks1790000000050 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table tasks (
        id uuid primary key,
        version integer not null default 1,
        organization_id uuid not null references organizations on delete cascade,
        actor jsonb not null,
        repository_id uuid references repositories on delete restrict,
        name text not null,
        description text,
        status text not null check (
          status in ('blocked', 'pending', 'running', 'completed', 'failed', 'cancelled', 'skipped')
        ),
        priority text not null default 'P2' check (priority in ('P0', 'P1', 'P2')),
        agent_type text not null references agents (agent_type),
        issue_number integer,
        required_labels text[] not null default '{}',
        base_ref text,
        run_at timestamptz not null default now(),
        retry_count integer not null default 0,
        max_retries integer not null default 3 check (max_retries between 0 and 25),
        timeout_seconds integer not null default 3600 check (timeout_seconds between 1 and 86400),
        metadata jsonb not null default '{}',
        result jsonb,
        error_message text,
        failure_reason text,
        worker_id uuid references workers on delete set null,
        current_execution_id uuid,
        attempts integer not null default 0,
        lane_id integer not null,
        cancel_requested_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        started_at timestamptz,
        completed_at timestamptz,
        constraint tasks_retries_check check (retry_count between 0 and max_retries)
      )`);
    await runner.query('create index tasks_page_idx on tasks (organization_id, created_at, id)');
    await runner.query('create index tasks_status_page_idx on tasks (organization_id, status, created_at, id)');
    await runner.query('create index tasks_repository_id_idx on tasks (repository_id)');
    await runner.query('create index tasks_worker_id_idx on tasks (worker_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table tasks');
  }
}
