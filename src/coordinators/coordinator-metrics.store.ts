import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import type { CoordinatorMetrics } from './coordinators.store.js';

/** What a coordinator reported at some time. */
export interface MetricSample {
  id: string;
  recorded_at: Date;
  metrics: CoordinatorMetrics;
}

@Injectable()
export class CoordinatorMetricsStore {
  constructor(private readonly database: Database) {}

  /** Keeps a sample, unless there is one of the last seconds. The row of the coordinator is locked. */
  async insert(id: string, coordinatorId: string, metrics: CoordinatorMetrics, seconds: number): Promise<void> {
    await this.database.query(
      `insert into coordinator_metrics (id, coordinator_id, metrics)
       select $1, $2, $3 where not exists (
         select 1 from coordinator_metrics
         where coordinator_id = $2 and recorded_at > now() - make_interval(secs => $4)
       )`,
      [id, coordinatorId, JSON.stringify(metrics), seconds],
    );
  }

  /** The latest first, from `since` on. */
  findPage(filter: {
    coordinator_id: string;
    since: string | null;
    before: Position | null;
    limit: number;
  }): Promise<(MetricSample & { cursor_at: string })[]> {
    return this.database.query(
      `select id, recorded_at, metrics, ${cursorTime('recorded_at')} as cursor_at from coordinator_metrics
       where coordinator_id = $1 and recorded_at >= coalesce($2::timestamptz, '-infinity')
         and ($3::timestamptz is null or (recorded_at, id) < ($3, $4::uuid))
       order by recorded_at desc, id desc limit $5`,
      [filter.coordinator_id, filter.since, filter.before?.at ?? null, filter.before?.id ?? null, filter.limit + 1],
    );
  }

  /** Removes some of those that are too old; answers how many. */
  async removeAged(days: number, limit: number): Promise<number> {
    const rows = await this.database.query(
      `delete from coordinator_metrics where id = any (array(
         select id from coordinator_metrics where recorded_at < now() - make_interval(days => $1)
         order by recorded_at limit $2
       )) returning id`,
      [days, limit],
    );
    return rows.length;
  }
}
