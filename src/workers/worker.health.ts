import { statusSql } from '../queue/worker-status.js';

/** Whether a worker can be counted upon. */
export const HEALTH = ['healthy', 'degraded', 'unhealthy', 'unknown'] as const;

export type Health = (typeof HEALTH)[number];

/**
 * Health as SQL over a worker and its liveness, by the database's clock. Exactly 60 s of silence is degraded, exactly
 * 300 s unhealthy.
 */
export const healthSql = (worker: string, liveness: string): string =>
  `case when ${statusSql(worker, liveness)} <> 'active' then 'unhealthy'
        when ${liveness}.last_heartbeat is null then 'unknown'
        when now() - ${liveness}.last_heartbeat < interval '60 seconds' then 'healthy'
        when now() - ${liveness}.last_heartbeat < interval '300 seconds' then 'degraded'
        else 'unhealthy' end`;
