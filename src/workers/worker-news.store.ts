import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { statusSql } from '../queue/worker-status.js';
import { healthSql, type Health } from './worker.health.js';
import type { Worker } from './worker.entity.js';

/** What is new of a worker since events told of it last. */
export interface WorkerChange {
  id: string;
  /** Null for a worker of the instance, of which no organization is told. */
  organization_id: string | null;
  name: string;
  status: Worker['status'];
  health_before: Health;
  health: Health;
  lost_before: boolean;
  lost: boolean;
  disk_low_before: boolean;
  disk_low: boolean;
  /** Of its disk, as far as it has told. */
  disk_usage: number | null;
  disk_free_bytes: number | null;
  last_heartbeat: Date | null;
  silent_seconds: number;
  /** Whether its pause has just ended by itself. */
  rested: boolean;
}

const STATUS = statusSql('w', 'live');
const HEALTH = healthSql('w', 'live');
const SILENCE = `now() - coalesce(live.last_heartbeat, w.registered_at)`;
const RESTED = `coalesce(live.rests_until <= now(), false)`;

/** A silence of 300 s loses a worker; one that is no longer healthy is lost with the work that was taken from it. */
const LOST = `${STATUS} <> 'stopped' and (${SILENCE} >= interval '300 seconds' or
  ${SILENCE} >= interval '60 seconds' and live.lost_at is not null
    and (live.last_heartbeat is null or live.lost_at > live.last_heartbeat))`;

const DISK_LOW = `coalesce(live.metrics->'disk_low' = 'true', false)`;

const IS_NEWS = `(${HEALTH} <> w.told_health or (${LOST}) <> w.told_lost or ${DISK_LOW} <> w.told_disk_low)`;

@Injectable()
export class WorkerNewsStore {
  constructor(private readonly database: Database) {}

  /** Whether there is anything to tell, or a pause that is over. */
  async isAnything(): Promise<boolean> {
    const row = await this.database.one<{ due: boolean }>(
      `select exists (
         select from workers w join worker_liveness live on live.worker_id = w.id where ${IS_NEWS} or ${RESTED}
       ) as due`,
    );
    return row?.due ?? false;
  }

  /**
   * Takes what there is to tell, of one worker or of all, so that nobody else tells it; and ends pauses whose time is over.
   * With `graceful`, silences are passed over: nobody could reach the server. Whoever is at a worker just now tells of it.
   */
  takeChanges(workerId: string | null, graceful: boolean, limit: number): Promise<WorkerChange[]> {
    return this.database.query<WorkerChange>(
      `with due as materialized (
         select w.id, w.organization_id, w.name, ${STATUS} as status, w.told_health as health_before, ${HEALTH} as health,
                w.told_lost as lost_before, ${LOST} as lost, live.last_heartbeat, ${RESTED} as rested,
                w.told_disk_low as disk_low_before, ${DISK_LOW} as disk_low,
                (live.metrics->>'disk_usage')::float8 as disk_usage,
                (live.metrics->>'disk_free_bytes')::float8 as disk_free_bytes,
                extract(epoch from ${SILENCE})::float8 as silent_seconds
         from workers w join worker_liveness live on live.worker_id = w.id
         where ($1::uuid is null or w.id = $1)
           and (${RESTED} or ${IS_NEWS} and (not $2 or ${SILENCE} < interval '60 seconds'))
         order by w.id limit $3 for update of live, w skip locked
       ), rested as (
         update worker_liveness live set rests_until = null from due where live.worker_id = due.id and due.rested
       ), told as (
         update workers w set
           status = case when due.rested then 'active' else w.status end, note = case when due.rested then null else w.note end,
           told_health = due.health, told_lost = due.lost, told_disk_low = due.disk_low
         from due where w.id = due.id
       )
       select * from due order by id`,
      [workerId, graceful, limit],
    );
  }
}
