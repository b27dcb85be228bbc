import { statusSql } from '../queue/worker-status.js';

/** Whether a worker can be counted upon. */
export const HEALTH = ['healthy', 'degraded', 'unhealthy', 'unknown'] as const;

export type Health = (typeof HEALTH)[number];

/**
 * Health as SQL over a status and the time of the last heartbeat, by the database's clock. Exactly 60 s of silence is
 * degraded, exactly 300 s unhealthy.
 */
export const healthBy = (status: string, lastHeartbeat: string): string =>
  `case when ${status} <> 'active' then 'unhealthy'
        when ${lastHeartbeat} is null then 'unknown'
        when now() - ${lastHeartbeat} < interval '60 seconds' then 'healthy'
        when now() - ${lastHeartbeat} < interval '300 seconds' then 'degraded'
        else 'unhealthy' end`;

/** Health of a worker, as SQL over its row and its narrow one. */
export const healthSql = (worker: string, liveness: string): string =>
  healthBy(statusSql(worker, liveness), `${liveness}.last_heartbeat`);
