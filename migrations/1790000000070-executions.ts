import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Attempts at tasks, and what they said. */
export class Executions1790000000070 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table agent_executions (
        id uuid primary key,
        organization_id uuid not null references organizations on delete cascade,
        task_id uuid not null references tasks on delete cascade,
        repository_id uuid references repositories on delete restrict,
        attempt integer not null,
        agent_type text not null,
        worker_id uuid references workers on delete set null,
        isolation text,
        status text not null check (status in ('running', 'completed', 'failed', 'cancelled', 'released')),
        failure_reason text,
        error_message text,
        progress integer,
        progress_message text,
        started_at timestamptz not null default now(),
        finished_at timestamptz,
        exit_code integer,
        base_sha text,
        branch text not null,
        commit_sha text,
        log_entries integer not null default 0,
        log_incomplete boolean not null default false,
        finished_by_worker boolean not null default false,
        result jsonb
      )`);
    await runner.query('create index agent_executions_page_idx on agent_executions (organization_id, started_at, id)');
    await runner.query('create index agent_executions_task_id_idx on agent_executions (task_id)');
    await runner.query('create index agent_executions_worker_id_idx on agent_executions (worker_id)');
    await runner.query('create index agent_executions_repository_id_idx on agent_executions (repository_id)');
    await runner.query(`
      create table execution_logs (
        execution_id uuid not null references agent_executions on delete cascade,
        seq integer not null,
        level text not null check (level in ('debug', 'info', 'warn', 'error')),
        stream text not null check (stream in ('stdout', 'stderr', 'agent', 'system')),
        message text not null,
        logged_at timestamptz not null,
        primary key (execution_id, seq)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table execution_logs');
    await runner.query('drop table agent_executions');
  }
}
