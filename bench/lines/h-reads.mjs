import { finishedTasks } from '../records.mjs';
import { startSide } from '../side-process.mjs';
import { startSite } from '../site.mjs';

const TASKS = 1_000_000;

const reads = (id, title, pathsOf) => ({
  id,
  title: `${title} among ${TASKS.toLocaleString('en')}, 16 clients`,
  unit: 'requests/s',
  better: 'more',
  promises: [{ of: 'the API', to: 'bare Express + pg', at_least: 0.7 }],

  /** @param {import('../bench.mjs').Bench} bench */
  async prepare({ ground, node, seconds, say }) {
    const database_url = await ground.createDatabase('miyabi');
    const site = await startSite({ node, database_url, workers: 1 });
    await finishedTasks(ground, { site, database_url }, TASKS, say);
    const paths = await pathsOf({ ground, database_url });
    const people = startSide('people', node);
    const bare = startSide('bare', node);
    const { organization } = await site.call('GET', '/auth/me');
    const bareUrl = await bare.call('open', { environment: site.environment, organization_id: organization.id });
    const asking = (url, token, prefix) => () =>
      people.call('ask', { url, token, paths: paths.map((path) => prefix + path), seconds });
    return {
      sides: {
        'the API': asking(site.url, site.token, '/api/v1'),
        'bare Express + pg': asking(bareUrl, undefined, ''),
      },
      end: async () => {
        await Promise.all([people.end(), bare.end()]);
        await site.end();
      },
    };
  },
});

export const lines = [
  reads('H', 'a task by its id', async ({ ground, database_url }) => {
    const rows = await ground.query(database_url, 'select id from tasks tablesample system (0.1) limit 500');
    return rows.map(({ id }) => `/tasks/${id}`);
  }),
  reads('H20', 'a page of 20 tasks', () => ['/tasks?limit=20']),
];
