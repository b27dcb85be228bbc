import { finishedTasks, readyTasks } from '../records.mjs';
import { percentiles } from '../measures.mjs';
import { startSide } from '../side-process.mjs';
import { startSite } from '../site.mjs';

const COUNT = 200;

export const line = {
  id: 'D',
  title: 'a claim with a backlog and a history, median',
  unit: 'ms',
  better: 'less',
  promises: [{ of: '1,000,000 ready', to: '1,000 ready', at_most: 1.2 }],

  /** @param {import('../bench.mjs').Bench} bench */
  async prepare({ ground, node, full, say }) {
    const small = await open(ground, node, 'small');
    const large = await open(ground, node, 'large');
    await small.site.fill(1000);
    const finished = full ? 10_000_000 : 1_000_000;
    await finishedTasks(ground, large, finished, say);
    await readyTasks(ground, large, 1_000_000, say);
    // What it cost to write all that is not what a claim costs.
    await ground.query(large.database_url, 'checkpoint');
    const claims = (one) => async () => percentiles(await one.fleet.call('claimTimes', { count: COUNT }), [0.5])[0];
    const sides = { '1,000 ready': small, '1,000,000 ready': large };
    return {
      note: `the large one has ${finished.toLocaleString('en')} finished tasks as well`,
      sides: Object.fromEntries(Object.entries(sides).map(([name, one]) => [name, claims(one)])),
      end: async () => {
        for (const { fleet, site } of [small, large]) {
          await fleet.end();
          await site.end();
        }
      },
    };
  },
};

async function open(ground, node, name) {
  const database_url = await ground.createDatabase(name);
  const site = await startSite({ node, database_url, workers: 1 });
  const fleet = startSide('fleet', node);
  await fleet.call('open', { url: site.url, workers: site.workers });
  return { site, fleet, database_url };
}
