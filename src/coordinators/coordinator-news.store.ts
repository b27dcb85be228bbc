import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { Health } from '../workers/worker.health.js';
import { coordinatorHealthSql, coordinatorStatusSql, type CoordinatorStatus } from './coordinator.status.js';

/** What is new of a coordinator since events told of it last. */
export interface CoordinatorChange {
  id: string;
  /** Null for one of the instance, of which no organization is told. */
  organization_id: string | null;
  name: string;
  status: CoordinatorStatus;
  health_before: Health;
  health: Health;
  lost_before: boolean;
  lost: boolean;
  last_heartbeat: Date | null;
  silent_seconds: number;
}

const STATUS = coordinatorStatusSql('c');
const HEALTH = coordinatorHealthSql('c');
const SILENCE = 'now() - coalesce(c.last_heartbeat, c.registered_at)';
const LOST = `${STATUS} <> 'stopped' and ${SILENCE} >= interval '300 seconds'`;
const IS_NEWS = `(${HEALTH} <> c.told_health or (${LOST}) <> c.told_lost)`;

@Injectable()
export class CoordinatorNewsStore {
  constructor(private readonly database: Database) {}

  /**
   * Takes what there is to tell, of one coordinator or of all, so that nobody else tells it. With `graceful`, silences are
   * passed over: nobody could reach the server. Whoever is at a coordinator just now tells of it.
   */
  takeChanges(coordinatorId: string | null, graceful: boolean, limit: number): Promise<CoordinatorChange[]> {
    return this.database.query<CoordinatorChange>(
      `with due as materialized (
         select c.id, c.organization_id, c.name, ${STATUS} as status, c.told_health as health_before, ${HEALTH} as health,
                c.told_lost as lost_before, ${LOST} as lost, c.last_heartbeat,
                extract(epoch from ${SILENCE})::float8 as silent_seconds
         from coordinators c
         where ($1::uuid is null or c.id = $1) and ${IS_NEWS} and (not $2 or ${SILENCE} < interval '60 seconds')
         order by c.id limit $3 for no key update of c skip locked
       ), told as (
         update coordinators c set told_health = due.health, told_lost = due.lost from due where c.id = due.id
       )
       select * from due order by id`,
      [coordinatorId, graceful, limit],
    );
  }
}
