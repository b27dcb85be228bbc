/**
 * What a worker is to be, as SQL over its row and its narrow one, by the database's clock. One that has ended in order is
 * stopped until it comes back.
 */
export const statusSql = (worker: string, liveness: string): string =>
  `case when ${liveness}.stop_note is not null then 'stopped' else ${wishedSql(worker, liveness)} end`;

/**
 * The same whether or not it is there: what it will be when it comes back. Two moves need nobody who makes them: a pause
 * is over at its time, and a worker that is drained has stopped once it runs nothing.
 */
export const wishedSql = (worker: string, liveness: string): string =>
  `case when ${worker}.status = 'draining' and not exists (
          select from leases held where held.worker_id = ${worker}.id and held.ordinal >= ${liveness}.first_lease
        ) then 'stopped'
        when ${isPauseOver(worker, liveness)} then 'active'
        else ${worker}.status end`;

/** What somebody noted about that; a pause that is over takes its note along. Where nobody did, its own last word. */
export const noteSql = (worker: string, liveness: string): string =>
  `coalesce(case when ${isPauseOver(worker, liveness)} then null else ${worker}.note end, ${liveness}.stop_note)`;

const isPauseOver = (worker: string, liveness: string): string =>
  `${worker}.status = 'paused' and ${liveness}.rests_until <= now()`;
