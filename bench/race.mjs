// The product and the rivals on one PostgreSQL, each with its own database and its own process.
import { startSide } from './side-process.mjs';
import { startSite } from './site.mjs';

/**
 * @param {import('./bench.mjs').Bench} bench
 * @param {{ workers: number, bare?: boolean }} options
 */
export async function openRace({ ground, node, seconds }, { workers, bare: withBare = false }) {
  const site = await startSite({ node, database_url: await ground.createDatabase('miyabi'), workers });
  const names = ['fleet', 'graphile', 'pg-boss', ...(withBare ? ['bare'] : [])];
  const [fleet, graphile, boss, bare] = names.map((name) => startSide(name, node));
  await fleet.call('open', { url: site.url, workers: site.workers });
  await graphile.call('open', { url: await ground.createDatabase('graphile') });
  await boss.call('open', { url: await ground.createDatabase('pgboss') });
  const bareUrl = await bare?.call('open', { environment: site.environment });
  return {
    site,
    ours:
      (way, { ready, batch = 1, lasting = seconds }) =>
      async () => {
        await site.fill(ready);
        return fleet.call('work', { way, batch, workers, seconds: lasting });
      },
    bare:
      ({ ready }) =>
      async () => {
        await site.fill(ready);
        return fleet.call('bareWork', { url: bareUrl, workers, seconds });
      },
    graphile:
      ({ ready, batched = false, lasting = seconds }) =>
      async () => {
        await graphile.call('fill', { ready });
        return graphile.call('work', { seconds: lasting, batched });
      },
    boss:
      ({ ready, batch = 1, loops = 64, lasting = seconds }) =>
      async () => {
        await boss.call('fill', { ready });
        return boss.call('work', { seconds: lasting, batch, loops });
      },
    end: async () => {
      await Promise.all([fleet, graphile, boss, bare].map((side) => side?.end()));
      await site.end();
    },
  };
}
