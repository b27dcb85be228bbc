import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who holds an exclusive key, and pending tasks that wait for one outside of the queue. Hot: no foreign keys. */
export class ConcurrencyKeys1790000000220 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table concurrency_keys (
        organization_id uuid not null,
        key text not null,
        task_id uuid not null unique,
        primary key (organization_id, key)
      ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`);
    await runner.query(`
      create table concurrency_waits (
        task_id uuid primary key,
        organization_id uuid not null,
        key text not null,
        lane_id integer not null,
        agent_type text not null,
        priority text not null,
        run_at timestamptz not null
      ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`);
    await runner.query(
      'create index concurrency_waits_order_idx on concurrency_waits (organization_id, key, priority, run_at, task_id)',
    );
    await runner.query('create index concurrency_waits_run_at_idx on concurrency_waits (run_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table concurrency_waits, concurrency_keys');
  }
}
