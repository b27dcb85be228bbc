import { openRace } from '../race.mjs';

const HELD_SECONDS = 60;

export const line = {
  id: 'E',
  title: `64 workers while somebody holds a snapshot for ${HELD_SECONDS} s`,
  unit: 'tasks/s',
  better: 'more',
  rounds: 1,
  promises: [{ of: 'channel, snapshot', to: 'channel', at_least: 0.8 }],

  /** @param {import('../bench.mjs').Bench} bench */
  async prepare(bench) {
    const race = await openRace(bench, { workers: 64 });
    const holding = (work) => async () => {
      const release = await bench.ground.holdSnapshot();
      try {
        return await work();
      } finally {
        await release();
      }
    };
    const lasting = HELD_SECONDS;
    const ours = race.ours('exchange', { ready: 150_000, lasting });
    const graphile = race.graphile({ ready: 400_000, lasting });
    const boss = race.boss({ ready: 150_000, lasting });
    return {
      sides: {
        channel: ours,
        'channel, snapshot': holding(ours),
        'graphile-worker': graphile,
        'graphile-worker, snapshot': holding(graphile),
        'pg-boss': boss,
        'pg-boss, snapshot': holding(boss),
      },
      end: race.end,
    };
  },
};
