import { startSide } from '../side-process.mjs';
import { startSite } from '../site.mjs';

export const line = {
  id: 'J',
  title: 'log lines in batches of 500, 8 executions',
  unit: 'lines/s',
  better: 'more',
  promises: [{ of: 'channel', at_least: 50_000 }],

  /** @param {import('../bench.mjs').Bench} bench */
  async prepare({ ground, node, seconds }) {
    const site = await startSite({ node, database_url: await ground.createDatabase('miyabi'), workers: 8 });
    const fleet = startSide('fleet', node);
    await fleet.call('open', { url: site.url, workers: site.workers });
    const ingesting = (way) => async () => {
      await site.fill(8);
      return fleet.call('ingest', { way, seconds });
    };
    return {
      sides: { channel: ingesting('channel'), REST: ingesting('rest') },
      end: async () => {
        await fleet.end();
        await site.end();
      },
    };
  },
};
