import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { figure } from './figures.js';
import { PATIENCE_MS, size } from './scale.js';
import { ClaimStore } from '../src/queue/claim.store.js';
import { startTestApp, type TestApp } from './test-app.js';

const ROUNDS = size({ full: 40, short: 6 });
const CLAIMERS = 8;
const LIMIT = 3;

let server: TestApp;
let ada: TestPerson;
let bob: TestPerson;

beforeAll(async () => {
  server = await startTestApp();
  [ada, bob] = [await signInPerson(server), await signInPerson(server)];
});
afterAll(() => server.close());

const limit = (agent: string, max_concurrent: number | null, person = ada) =>
  person.patch(`/agents/${agent}-agent`, { max_concurrent });
const typesOf = async (worker: TestWorker, max = 100) => {
  const { body } = await worker.post(`/workers/${worker.id}/claim`, { max });
  return (body['executions'] as { task: { agent_type: string } }[]).map(({ task }) => task.agent_type).sort();
};
const fill = (agent_type: string, tasks: number, more: object = {}, person = ada) =>
  person.post('/tasks/bulk', {
    tasks: Array.from({ length: tasks }, (_, at) => ({ name: `one ${String(at)}`, agent_type, ...more })),
  });
/** Ends whatever the workers run, and empties the queue. */
async function clear(...workers: readonly TestWorker[]): Promise<void> {
  const { rows } = await server.sql.query<{ execution_id: string; worker_id: string }>('select * from leases');
  await Promise.all(
    rows.map(({ execution_id, worker_id }) =>
      workers.find(({ id }) => id === worker_id)?.finish(execution_id, { outcome: 'completed' }),
    ),
  );
  for (const person of [ada, bob])
    await person.post('/tasks/actions', { action: 'cancel', filter: { status: ['pending'] } });
}

describe('an agent with a limit', () => {
  let worker: TestWorker;
  beforeAll(async () => {
    worker = await registerWorker(server);
  });
  afterEach(() => clear(worker));

  it('runs so many at once and no more, whichever lanes its tasks are in, and others go on', async () => {
    await limit('codegen', 2);
    await fill('codegen', 3, { priority: 'P0' });
    await fill('codegen', 3, { required_labels: [] });
    await fill('review', 2);
    expect(await typesOf(worker)).toEqual(['codegen', 'codegen', 'review', 'review']);
    expect(await typesOf(worker)).toEqual([]);
  });

  it('takes the most urgent first, and the next as soon as there is room', async () => {
    await fill('codegen', 1, { priority: 'P2', name: 'later' });
    await fill('codegen', 3, { priority: 'P0' });
    const first = await worker.claim({ max: 10 });
    expect(first).toHaveLength(2);
    await worker.finish(first[0]?.execution_id ?? '', { outcome: 'completed' });
    const second = await worker.claim({ max: 10 });
    expect(second).toHaveLength(1);
  });

  it('says so in the explanation of what waits', async () => {
    await fill('codegen', 3);
    await worker.claim({ max: 10 });
    const [waiting] = (await ada.get('/tasks?status=pending')).body.items as { id: string }[];
    const { body } = await ada.get(`/tasks/${waiting?.id ?? ''}/explain`);
    expect(body['reasons']).toMatchObject([{ code: 'agent-limit', running: 2, max_concurrent: 2 }]);
  });

  it('is not held up by work outside of the fleet, nor by that of another organization', async () => {
    await limit('codegen', 1, bob);
    const outside = await ada.task({ agent_type: 'codegen' });
    await ada.post(`/tasks/${outside}/start`, {});
    await fill('codegen', 2);
    await fill('codegen', 2, {}, bob);
    expect(await typesOf(worker)).toEqual(['codegen', 'codegen', 'codegen']);
    await ada.post(`/tasks/${outside}/complete`, {});
  });

  it('runs without one once it is taken away', async () => {
    await limit('codegen', null);
    await fill('codegen', 5);
    expect(await typesOf(worker)).toHaveLength(5);
  });

  it('starts nothing new while more run than a limit that was set since', async () => {
    await fill('codegen', 4);
    const [one, two, three] = await worker.claim({ max: 3 });
    await limit('codegen', 2);
    for (const claimed of [one, two]) {
      expect(await typesOf(worker)).toEqual([]);
      await worker.finish(claimed?.execution_id ?? '', { outcome: 'completed' });
    }
    expect(await typesOf(worker)).toEqual(['codegen']);
    await worker.finish(three?.execution_id ?? '', { outcome: 'completed' });
    await limit('codegen', null);
  });
});

/** The most that ran at once, of rounds in which many claim at the same moment. */
async function mostAtOnce(workers: readonly TestWorker[]): Promise<number> {
  let most = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await fill('codegen', 20);
    await Promise.all(workers.map((worker) => worker.claim({ max: 2 })));
    const { rows } = await server.sql.query<{ running: number }>(
      `select count(*)::integer as running from tasks where organization_id = $1 and status = 'running'`,
      [ada.organization_id],
    );
    most = Math.max(most, rows[0]?.running ?? 0);
    await clear(...workers);
  }
  return most;
}

describe('claims that come at the same moment', () => {
  let workers: TestWorker[];
  beforeAll(async () => {
    // Different labels, so that they are not served by one statement.
    const labels = (at: number) => [`worker=${String(at)}`];
    workers = await Promise.all(
      Array.from({ length: CLAIMERS }, (_, at) => registerWorker(server, { labels: labels(at) })),
    );
    await limit('codegen', LIMIT);
  });

  it(
    'keep to the limit together, to the last one',
    async () => {
      const most = await mostAtOnce(workers);
      figure(2, 'most executions at once of an agent with a limit of', LIMIT, 'by', CLAIMERS, 'claimers:', most);
      expect(most).toBe(LIMIT);
    },
    PATIENCE_MS,
  );

  it(
    'would not if they looked before they have locked: this would be seen',
    async () => {
      const store = server.app.get(ClaimStore, { strict: false }) as unknown as {
        lockLimited: () => Promise<{ organization_id: string; agent_type: string }[]>;
      };
      const { lockLimited } = store;
      store.lockLimited = () => Promise.resolve([{ organization_id: ada.organization_id, agent_type: 'codegen' }]);
      try {
        const most = await mostAtOnce(workers);
        figure(2, 'control: most at once without the lock', most);
        expect(most).toBeGreaterThan(LIMIT);
      } finally {
        store.lockLimited = lockLimited;
      }
    },
    PATIENCE_MS,
  );
});
