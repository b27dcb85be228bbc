import { openRace } from '../race.mjs';

const READY = 50_000;
/** Those who are faster would have nothing left before the measure ends. */
const PLENTY = 150_000;

export const line = {
  id: 'B',
  title: 'claim 100 and finish 100 in one exchange, 4 workers',
  unit: 'tasks/s',
  better: 'more',
  promises: [
    { of: 'channel', to: 'graphile-worker, batched', at_least: 0.5 },
    { of: 'channel', to: 'pg-boss, 100', at_least: 3 },
  ],

  /** @param {import('../bench.mjs').Bench} bench */
  async prepare(bench) {
    const race = await openRace(bench, { workers: 4 });
    return {
      sides: {
        channel: race.ours('exchange', { ready: READY, batch: 100 }),
        REST: race.ours('restExchange', { ready: READY, batch: 100 }),
        'graphile-worker, batched': race.graphile({ ready: PLENTY, batched: true }),
        'pg-boss, 100': race.boss({ ready: PLENTY, batch: 100, loops: 4 }),
      },
      end: race.end,
    };
  },
};
