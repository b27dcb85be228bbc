import { cpuIn, cpuOf } from '../cpu.mjs';
import { startSide } from '../side-process.mjs';
import { startSite } from '../site.mjs';

const SECONDS = 30;
const WORKERS = 1000;

/** What the server and PostgreSQL use together while `work` goes on, in percent of a core. */
async function percentWhile(ground, site, work) {
  const used = () => cpuOf(site.pid) + cpuIn(ground.directory);
  const [before, began] = [used(), performance.now()];
  await work();
  return ((used() - before) / (performance.now() - began)) * 100;
}

const open = async ({ ground, node }) => {
  const database_url = await ground.createDatabase('miyabi');
  return { database_url, site: await startSite({ node, database_url, workers: WORKERS }) };
};

const pause = () => new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));

export const lines = [
  {
    id: 'F',
    title: `${WORKERS.toLocaleString('en')} workers that beat every 15 s: server and PostgreSQL`,
    unit: '% of a core',
    better: 'less',
    rounds: 3,
    promises: [{ of: 'over the channel', minus: 'idle', at_most: 5 }],

    /** @param {import('../bench.mjs').Bench} bench */
    async prepare(bench) {
      const { site } = await open(bench);
      const fleet = startSide('fleet', bench.node);
      await fleet.call('open', { url: site.url, workers: site.workers });
      const beating =
        (way, waits = false) =>
        async () => {
          await fleet.call('gather', { way });
          return percentWhile(bench.ground, site, () => fleet.call('beat', { seconds: SECONDS, waits }));
        };
      return {
        sides: {
          idle: async () => {
            await fleet.call('gather', { way: 'none' });
            return percentWhile(bench.ground, site, pause);
          },
          'over the channel': beating('channel'),
          'over REST': beating('rest'),
          'waiting for work as well': beating('channel', true),
        },
        end: async () => {
          await fleet.end();
          await site.end();
        },
      };
    },
  },
  {
    id: 'F idle',
    title: 'an idle server asks its database',
    unit: 'transactions/s',
    better: 'less',
    rounds: 1,
    promises: [{ of: 'idle', at_most: 5 }],

    /** @param {import('../bench.mjs').Bench} bench */
    async prepare(bench) {
      const { site, database_url } = await open(bench);
      const count = async () => {
        const [row] = await bench.ground.query(
          database_url,
          'select xact_commit + xact_rollback as done from pg_stat_database where datname = current_database()',
        );
        return Number(row.done);
      };
      return {
        sides: {
          idle: async () => {
            await pause();
            const before = await count();
            await pause();
            // The look itself is one.
            return ((await count()) - before - 1) / SECONDS;
          },
        },
        end: site.end,
      };
    },
  },
];
