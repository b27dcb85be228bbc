import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The hot tables: one narrow row for each task that may be claimed, one for each execution that runs. No foreign
 * keys here: every row is written and removed in the transaction that changes its task.
 */
export class Queue1790000000060 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table queue_turns (
        id integer generated always as identity primary key,
        key text not null unique,
        served_at timestamptz not null default '-infinity'
      ) with (fillfactor = 50)`);
    await runner.query(`
      create table queue_lanes (
        id integer generated always as identity primary key,
        key text not null unique,
        turn_id integer not null references queue_turns,
        organization_id uuid not null references organizations on delete cascade,
        repository_id uuid,
        agent_type text not null,
        required_labels text[] not null
      )`);
    await runner.query('create index queue_lanes_organization_id_idx on queue_lanes (organization_id)');
    await runner.query(`
      create table queue_entries (
        task_id uuid primary key,
        lane_id integer not null,
        priority text not null,
        run_at timestamptz not null
      ) with (
        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
      )`);
    await runner.query('create index queue_entries_order_idx on queue_entries (lane_id, priority, run_at, task_id)');
    // Half of each page stays free, so that a heartbeat rewrites the row in place and touches no index.
    await runner.query(`
      create table leases (
        execution_id uuid primary key,
        task_id uuid not null unique,
        worker_id uuid not null,
        expires_at timestamptz not null,
        deadline_at timestamptz not null,
        cancel_requested_at timestamptz,
        request_key text,
        log_entries integer not null default 0,
        progress integer check (progress between 0 and 100),
        progress_message text
      ) with (
        fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0
      )`);
    await runner.query('create index leases_worker_id_idx on leases (worker_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table leases');
    await runner.query('drop table queue_entries');
    await runner.query('drop table queue_lanes');
    await runner.query('drop table queue_turns');
  }
}
