import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Budgets, exclusive keys and wishes of tasks; what attempts used and left behind. */
export class TaskFields1790000000200 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table tasks
        add concurrency_key text,
        add use_worktree boolean not null default true,
        add auto_pr boolean not null default false,
        add max_cost_usd numeric(14, 6) check (max_cost_usd > 0),
        add max_tokens bigint check (max_tokens > 0),
        add usage jsonb`);
    await runner.query(`
      alter table agent_executions
        add model text,
        add session_id text,
        add pull_request_number integer,
        add pull_request_url text,
        add quality_score integer check (quality_score between 0 and 100),
        add usage jsonb`);
    // An attempt begun by hand has a time limit and nobody who renews it.
    await runner.query('alter table leases alter worker_id drop not null');
    await runner.query(`
      alter table leases
        add usage jsonb,
        add session_id text,
        add cancel_reason text,
        add budget_warned boolean not null default false`);
    await runner.query(`
      create table execution_checkpoints (
        execution_id uuid primary key references agent_executions on delete cascade,
        checkpoint jsonb not null,
        saved_at timestamptz not null default now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table execution_checkpoints');
    await runner.query('delete from leases where worker_id is null');
    await runner.query(
      'alter table leases drop budget_warned, drop cancel_reason, drop session_id, drop usage, alter worker_id set not null',
    );
    await runner.query(`
      alter table agent_executions drop usage, drop quality_score, drop pull_request_url, drop pull_request_number,
        drop session_id, drop model`);
    await runner.query(`
      alter table tasks drop usage, drop max_tokens, drop max_cost_usd, drop auto_pr, drop use_worktree,
        drop concurrency_key`);
  }
}
