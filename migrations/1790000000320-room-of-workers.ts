import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a worker runs is counted from its leases, and its figures from the events that tell of them, so that claims and
 * ends only lock the worker's row: while somebody holds an old snapshot each change of it would leave a version behind
 * that everybody after has to pass over. `ordinal` and `first_lease` pass over the leases that have ended.
 */
export class RoomOfWorkers1790000000320 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table leases add ordinal bigint not null generated always as identity');
    await runner.query('drop index leases_worker_id_idx');
    await runner.query('create index leases_worker_id_idx on leases (worker_id, ordinal)');
    await runner.query('alter table worker_liveness drop constraint worker_liveness_running_check');
    await runner.query('alter table worker_liveness drop column running');
    await runner.query('alter table worker_liveness add first_lease bigint not null default 0');
    await runner.query('create table event_marks (name text primary key, position bigint not null)');
    // What has been counted is not counted again.
    await runner.query(`
      with waiting as (delete from event_outbox returning *)
      insert into events (organization_id, type, actor, subject, data, created_at)
      select organization_id, type, actor, subject, data, created_at from waiting order by id`);
    await runner.query(
      `insert into event_marks (name, position) select 'worker-figures', coalesce(max(position), 0) from events`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table event_marks');
    await runner.query('alter table worker_liveness drop column first_lease');
    await runner.query('alter table worker_liveness add running integer not null default 0');
    await runner.query(
      `update worker_liveness live set running = n.leases
       from (select worker_id, count(*)::integer as leases from leases group by worker_id) n
       where live.worker_id = n.worker_id`,
    );
    await runner.query('alter table worker_liveness add constraint worker_liveness_running_check check (running >= 0)');
    await runner.query('drop index leases_worker_id_idx');
    await runner.query('create index leases_worker_id_idx on leases (worker_id)');
    await runner.query('alter table leases drop column ordinal');
  }
}
