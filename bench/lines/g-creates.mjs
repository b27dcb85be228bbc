import { startSide } from '../side-process.mjs';
import { startSite } from '../site.mjs';

const wanted = (at) => ({ name: `Task ${at}`, agent_type: 'note', priority: 'P2', metadata: { round: at } });

export const lines = [
  {
    id: 'G',
    title: 'creates, 1,000 in a request',
    unit: 'tasks/s',
    better: 'more',
    promises: [{ of: 'POST /tasks/bulk', to: 'graphile-worker add_jobs', at_least: 1 }],

    /** @param {import('../bench.mjs').Bench} bench */
    async prepare({ ground, node, seconds }) {
      const site = await startSite({ node, database_url: await ground.createDatabase('miyabi'), workers: 0 });
      const people = startSide('people', node);
      const graphile = startSide('graphile', node);
      await graphile.call('open', { url: await ground.createDatabase('graphile') });
      const body = { tasks: Array.from({ length: 1000 }, (_, at) => wanted(at)) };
      const { url, token } = site;
      return {
        sides: {
          'POST /tasks/bulk': () =>
            people.call('ask', {
              ...{ url, token, method: 'POST', paths: ['/api/v1/tasks/bulk'] },
              ...{ body, clients: 1, counts: 1000, seconds },
            }),
          'graphile-worker add_jobs': async () => {
            await graphile.call('clear');
            return graphile.call('addMany', { seconds });
          },
        },
        end: async () => {
          await Promise.all([people.end(), graphile.end()]);
          await site.end();
        },
      };
    },
  },
  {
    id: 'G1',
    title: 'creates, one in a request, 16 clients',
    unit: 'tasks/s',
    better: 'more',
    promises: [{ of: 'POST /tasks', to: 'bare Express + pg', at_least: 0.7 }],

    /** @param {import('../bench.mjs').Bench} bench */
    async prepare({ ground, node, seconds }) {
      const site = await startSite({ node, database_url: await ground.createDatabase('miyabi'), workers: 0 });
      const people = startSide('people', node);
      const bare = startSide('bare', node);
      const bareUrl = await bare.call('open', { environment: site.environment });
      const asking = (url, token, path) => () =>
        people.call('ask', { url, token, method: 'POST', paths: [path], body: wanted(1), seconds });
      return {
        sides: {
          'POST /tasks': asking(site.url, site.token, '/api/v1/tasks'),
          'bare Express + pg': asking(bareUrl, undefined, '/jobs'),
        },
        end: async () => {
          await Promise.all([people.end(), bare.end()]);
          await site.end();
        },
      };
    },
  },
];
