import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What events have told of a worker's health, so that each change is told once. Workers that are there already are taken to
 * have been told of as they are.
 */
export class WorkerNews1790000000404 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table worker_liveness add lost_at timestamptz');
    await runner.query(
      `alter table workers add told_health text not null default 'unknown', add told_lost boolean not null default false`,
    );
    await runner.query(`
      update workers w set
        told_health = case when w.status <> 'active' then 'unhealthy'
                           when live.last_heartbeat is null then 'unknown'
                           when now() - live.last_heartbeat < interval '60 seconds' then 'healthy'
                           when now() - live.last_heartbeat < interval '300 seconds' then 'degraded'
                           else 'unhealthy' end,
        told_lost = now() - coalesce(live.last_heartbeat, w.registered_at) >= interval '300 seconds'
      from worker_liveness live where live.worker_id = w.id`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table workers drop told_lost, drop told_health');
    await runner.query('alter table worker_liveness drop lost_at');
  }
}
