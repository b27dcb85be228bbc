import { openRace } from '../race.mjs';

const READY = 50_000;

export const line = {
  id: 'A',
  title: '64 workers claim 1 and finish 1, 50,000 ready',
  unit: 'tasks/s',
  better: 'more',
  promises: [
    { of: 'channel, exchange', to: 'graphile-worker', at_least: 2 },
    { of: 'channel, exchange', to: 'pg-boss', at_least: 20 },
    { of: 'REST', to: 'bare Express, same SQL', at_least: 0.8 },
  ],

  /** @param {import('../bench.mjs').Bench} bench */
  async prepare(bench) {
    const race = await openRace(bench, { workers: 64, bare: true });
    return {
      sides: {
        'channel, exchange': race.ours('exchange', { ready: READY }),
        channel: race.ours('channel', { ready: READY }),
        REST: race.ours('rest', { ready: READY }),
        'bare Express, same SQL': race.bare({ ready: READY }),
        'graphile-worker': race.graphile({ ready: READY }),
        'graphile-worker, batched': race.graphile({ ready: READY, batched: true }),
        'pg-boss': race.boss({ ready: READY }),
      },
      end: race.end,
    };
  },
};
