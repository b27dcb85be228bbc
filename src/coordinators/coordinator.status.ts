import { statusSql } from '../queue/worker-status.js';
import { healthBy } from '../workers/worker.health.js';

/** What a coordinator is to be, and has come to. */
export const COORDINATOR_STATUSES = ['active', 'draining', 'stopped'] as const;

export type CoordinatorStatus = (typeof COORDINATOR_STATUSES)[number];

/**
 * Status of a coordinator as SQL over its row: one that drains has stopped once none of its workers goes on. They are counted,
 * as an `exists` would have the planner read the workers of all coordinators at once.
 */
export const coordinatorStatusSql = (coordinator: string): string =>
  `case when ${coordinator}.status = 'draining' and 0 = (
          select count(*) from workers own join worker_liveness beat on beat.worker_id = own.id
          where own.coordinator_id = ${coordinator}.id and ${statusSql('own', 'beat')} <> 'stopped'
        ) then 'stopped'
        else ${coordinator}.status end`;

/** Its health, by the rule of workers. */
export const coordinatorHealthSql = (coordinator: string): string =>
  healthBy(coordinatorStatusSql(coordinator), `${coordinator}.last_heartbeat`);
