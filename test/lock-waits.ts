import { eventually } from './eventually.js';
import type { TestApp } from './test-app.js';

/**
 * Waits until exactly so many statements of the server stand before a lock. It looks from outside of any transaction:
 * within one PostgreSQL goes on showing the connections that were there at the first look.
 */
export const statementsWait = (server: TestApp, count: number): Promise<void> =>
  eventually(`${String(count)} statements wait for a lock`, async () => {
    const [waiting] = await server.database.query<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return waiting?.n === count;
  });

/** Waits until no transaction is under way, also none whose connection has been cut. */
export const transactionsEnd = (server: TestApp): Promise<void> =>
  eventually('all transactions have ended', async () => {
    const { rows } = await server.sql.query<{ open: number }>(
      `select count(*)::integer as open from pg_stat_activity
       where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()`,
    );
    return rows[0]?.open === 0;
  });
