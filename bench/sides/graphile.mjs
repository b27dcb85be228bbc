// graphile-worker in its own process, as its documentation sets it up: `run` with a list of tasks.
import { createRequire } from 'node:module';
import { rateWhile, serve } from './serve.mjs';

const require = createRequire(new URL('../rivals/package.json', import.meta.url));
const { run, makeWorkerUtils, Logger } = await import(require.resolve('graphile-worker'));
const pg = (await import(require.resolve('pg'))).default;

const CONCURRENCY = 64;
// Its own words would be counted as work.
const logger = new Logger(() => () => undefined);

let pool;
let tools;

serve({
  async open({ url }) {
    pool = new pg.Pool({ connectionString: url, max: CONCURRENCY + 10 });
    pool.on('error', () => undefined);
    tools = await makeWorkerUtils({ pgPool: pool, logger });
    await tools.migrate();
  },

  /** Brings the number of ready jobs up to `ready`. */
  async fill({ ready }) {
    const { rows } = await pool.query('select count(*)::int as n from graphile_worker._private_jobs');
    for (let missing = ready - rows[0].n; missing > 0; missing -= 1000) {
      await addJobs(Math.min(missing, 1000));
    }
    await pool.query('vacuum analyze graphile_worker._private_jobs');
  },

  /** Jobs a second; `batched` is its best mode: a local queue, completions in batches. */
  work: ({ seconds, batched }) =>
    rateWhile(seconds, async (did, signal) => {
      const best = { localQueue: { size: 500 }, completeJobBatchDelay: 0 };
      const runner = await run({
        pgPool: pool,
        logger,
        noHandleSignals: true,
        taskList: { work: () => void did() },
        preset: { worker: { concurrentJobs: CONCURRENCY, ...(batched ? best : {}) } },
      });
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await runner.stop();
    }),

  /** Milliseconds from `addJob` to the start of its task, one after the other. */
  async latencies({ count }) {
    const waiting = new Map();
    const runner = await run({
      pgPool: pool,
      logger,
      noHandleSignals: true,
      taskList: { latency: ({ key }) => waiting.get(key)?.() },
      preset: { worker: { concurrentJobs: 1 } },
    });
    const took = [];
    for (let key = 0; key < count; key++) {
      const began = performance.now();
      const started = new Promise((resolve) => waiting.set(key, () => resolve(performance.now())));
      await tools.addJob('latency', { key });
      took.push((await started) - began);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await runner.stop();
    return took;
  },

  /** Jobs a second that are added 1,000 at a time. */
  addMany: ({ seconds }) =>
    rateWhile(seconds, async (did, signal) => {
      while (!signal.aborted) {
        await addJobs(1000);
        for (let job = 0; job < 1000; job++) did();
      }
    }),

  clear: () => pool.query('truncate graphile_worker._private_jobs'),
});

const addJobs = (count) =>
  tools.addJobs(Array.from({ length: count }, (_, at) => ({ identifier: 'work', payload: { name: `Task ${at}` } })));
