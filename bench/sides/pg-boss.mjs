// pg-boss in its own process, fetching and completing as its documentation shows.
import { createRequire } from 'node:module';
import { rateWhile, serve } from './serve.mjs';

const require = createRequire(new URL('../rivals/package.json', import.meta.url));
const { PgBoss } = await import(require.resolve('pg-boss'));
const pg = (await import(require.resolve('pg'))).default;

const CONCURRENCY = 64;
const QUEUE = 'work';

let boss;
let pool;

serve({
  async open({ url }) {
    boss = new PgBoss({ connectionString: url, max: CONCURRENCY });
    boss.on('error', () => undefined);
    await boss.start();
    await boss.createQueue(QUEUE);
    pool = new pg.Pool({ connectionString: url, max: 2 });
    pool.on('error', () => undefined);
  },

  /** Brings the number of ready jobs up to `ready`. */
  async fill({ ready }) {
    const { rows } = await pool.query(`select count(*)::int as n from pgboss.job where state = 'created'`);
    for (let missing = ready - rows[0].n; missing > 0; missing -= 1000) {
      const count = Math.min(missing, 1000);
      await boss.insert(
        QUEUE,
        Array.from({ length: count }, (_, at) => ({ data: { name: `Task ${at}` } })),
      );
    }
    await pool.query('vacuum analyze pgboss.job');
  },

  /** Jobs a second by 64 loops that fetch and complete `batch` at a time. */
  work: ({ seconds, batch, loops = CONCURRENCY }) =>
    rateWhile(seconds, (did, signal) =>
      Promise.all(
        Array.from({ length: loops }, async () => {
          while (!signal.aborted) {
            const jobs = await boss.fetch(QUEUE, { batchSize: batch });
            if (jobs.length === 0) return;
            await boss.complete(
              QUEUE,
              jobs.map((job) => job.id),
            );
            for (let job = 0; job < jobs.length; job++) did();
          }
        }),
      ),
    ),
});
