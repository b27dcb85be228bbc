import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ClaimStore, type ClaimedRow, type ClaimRequest } from '../src/queue/claim.store.js';
import { newId } from '../src/ids.js';
import { Cluster } from './cluster.js';
import { figure } from './figures.js';
import { registerWorker, signInPerson } from './fleet.js';
import { PATIENCE_MS, size } from './scale.js';
import { startTestApp } from './test-app.js';

const CLAIMERS = size({ full: 32, short: 8 });
const TASKS = size({ full: 5000, short: 250 });
const RUNS = size({ full: 5, short: 1 });

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start(2, { SWEEP_SECONDS: '60' });
}, PATIENCE_MS);
afterAll(() => cluster.stop());

/** Fills the queue in one go: what is proven here is the claim. */
async function fill(person: string, total: number): Promise<void> {
  for (let made = 0; made < total; made += 500) {
    const tasks = Array.from({ length: Math.min(500, total - made) }, (_, at) => ({
      name: 'claimed once',
      agent_type: 'note',
      priority: `P${String(at % 3)}`,
    }));
    const { status } = await cluster.ask({ token: person, method: 'POST', path: '/tasks/bulk', body: { tasks } });
    if (status !== 201) throw new Error(`a batch was answered with ${String(status)}`);
  }
}

async function claimAll(claimer: { id: string; token: string }, claimed: string[]): Promise<void> {
  for (;;) {
    const body = { max: 1 + Math.floor(Math.random() * 20) };
    const answer = await cluster.ask({
      token: claimer.token,
      method: 'POST',
      path: `/workers/${claimer.id}/claim`,
      body,
    });
    const given = answer.body['executions'] as { task: { id: string }; execution: { id: string } }[];
    if (given.length === 0) return;
    claimed.push(...given.map(({ task }) => task.id));
    for (const { execution } of given) {
      const path = `/executions/${execution.id}/finish`;
      await cluster.ask({ token: claimer.token, method: 'POST', path, body: { outcome: 'completed' } });
    }
  }
}

it(
  'one claim has one owner, however many claim at once on several processes',
  async () => {
    const person = await cluster.signIn();
    const claimers = await Promise.all(
      Array.from({ length: CLAIMERS }, (_, at) => cluster.register(`claimer-${String(at)}`, 100)),
    );
    let duplicates = 0;
    for (let run = 0; run < RUNS; run += 1) {
      await fill(person, TASKS);
      const claimed: string[] = [];
      await Promise.all(claimers.map((claimer) => claimAll(claimer, claimed)));
      duplicates += claimed.length - new Set(claimed).size;
      expect(new Set(claimed).size).toBe(TASKS);
    }
    figure(2, 'tasks given to two claimers', duplicates, 'of', TASKS * RUNS, `by ${String(CLAIMERS)} claimers`);
    expect(duplicates).toBe(0);
  },
  PATIENCE_MS,
);

it('a claim that looks first and takes afterwards gives a task to two: this would be seen', async () => {
  const server = await startTestApp();
  try {
    const person = await signInPerson(server);
    for (let at = 0; at < 10; at += 1) await person.task();
    const workers = await Promise.all(Array.from({ length: 2 }, () => registerWorker(server)));
    const given: string[] = [];
    const store = server.app.get(ClaimStore, { strict: false });
    const looked: (() => void)[] = [];
    const take = async ({ max }: ClaimRequest): Promise<ClaimedRow[]> => {
      const rows = await server.database.query<{ task_id: string }>('select task_id from queue_entries limit $1', [
        max,
      ]);
      // Nobody takes before another one has looked: the moment that such a claim has to fear. Not before all have:
      // only so many claims are under way at a time.
      await new Promise<void>((resolve) => {
        looked.push(resolve);
        if (looked.length >= 2) looked.forEach((go) => go());
      });
      await server.database.query('delete from queue_entries where task_id = any ($1::uuid[])', [
        rows.map(({ task_id }) => task_id),
      ]);
      given.push(...rows.map(({ task_id }) => task_id));
      const { organization_id } = person;
      const claimed = { organization_id, agent_type: 'note', repository_id: null, lane_id: 1 };
      return rows.map(({ task_id }) => ({ ...claimed, task_id, execution_id: newId() }));
    };
    store.claimAll = (requests) =>
      server.database.outside(
        async () =>
          new Map(
            await Promise.all(
              requests.map(
                async (request) => [request.worker_id, await take(request)] satisfies [string, ClaimedRow[]],
              ),
            ),
          ),
      );
    // What was given is not whole, so that nobody is told of it.
    await Promise.allSettled(workers.map((worker) => worker.claim({ max: 10 })));
    const duplicates = given.length - new Set(given).size;
    figure(2, 'control: claims too many by 2 claimers that look first, of 10 tasks', duplicates);
    expect(duplicates).toBeGreaterThan(0);
  } finally {
    await server.close();
  }
});
