import { percentiles } from '../measures.mjs';
import { startSide } from '../side-process.mjs';
import { startSite } from '../site.mjs';

const STREAMS = 500;

export const line = {
  id: 'I',
  title: `create → the last of ${STREAMS} event streams has it, 95th percentile`,
  unit: 'ms',
  better: 'less',
  promises: [{ of: 'server-sent events', at_most: 100 }],

  /** @param {import('../bench.mjs').Bench} bench */
  async prepare({ ground, node }) {
    const site = await startSite({ node, database_url: await ground.createDatabase('miyabi'), workers: 0 });
    const people = startSide('people', node);
    return {
      sides: {
        'server-sent events': async () => {
          const { url, token } = site;
          return percentiles(await people.call('fanOut', { url, token, streams: STREAMS, events: 40 }), [0.95])[0];
        },
      },
      end: async () => {
        await people.end();
        await site.end();
      },
    };
  },
};
