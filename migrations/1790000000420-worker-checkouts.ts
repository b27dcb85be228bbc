import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What workers have on their disks: the checkouts of what runs, and those that were kept. */
export class WorkerCheckouts1790000000420 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table worker_checkouts (
        id uuid primary key references agent_executions on delete cascade,
        worker_id uuid not null references workers on delete cascade,
        path text not null,
        branch text,
        head_sha text,
        dirty boolean not null,
        unpushed boolean not null,
        merged boolean not null,
        size_bytes bigint not null,
        kept_because text,
        created_at timestamptz not null,
        changed_at timestamptz not null,
        removal_requested_at timestamptz
      )`);
    await runner.query('create index worker_checkouts_worker_id_idx on worker_checkouts (worker_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table worker_checkouts');
  }
}
