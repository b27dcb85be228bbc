import { percentiles } from '../measures.mjs';
import { startSide } from '../side-process.mjs';
import { startSite } from '../site.mjs';

const COUNT = 100;

/** Milliseconds until a worker that waits has a task that somebody creates. */
const wakeUp = (id, share, promises) => ({
  id,
  title: `create → a waiting worker has it, ${share === 0.5 ? 'median' : '99th percentile'}`,
  unit: 'ms',
  better: 'less',
  promises,

  /** @param {import('../bench.mjs').Bench} bench */
  async prepare({ ground, node }) {
    const site = await startSite({ node, database_url: await ground.createDatabase('miyabi'), workers: 1 });
    const fleet = startSide('fleet', node);
    const graphile = startSide('graphile', node);
    await fleet.call('open', { url: site.url, workers: site.workers });
    await graphile.call('open', { url: await ground.createDatabase('graphile') });
    return {
      sides: {
        channel: async () => {
          const took = await fleet.call('latencies', { count: COUNT, token: site.token });
          return percentiles(took, [share])[0];
        },
        'graphile-worker': async () => percentiles(await graphile.call('latencies', { count: COUNT }), [share])[0],
      },
      end: async () => {
        await Promise.all([fleet.end(), graphile.end()]);
        await site.end();
      },
    };
  },
});

export const lines = [
  wakeUp('C', 0.5, [{ of: 'channel', to: 'graphile-worker', at_most: 2 }]),
  wakeUp('C99', 0.99, [{ of: 'channel', at_most: 50 }]),
];
