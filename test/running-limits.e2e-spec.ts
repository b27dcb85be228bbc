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

describe('a repository with a limit', () => {
  let worker: TestWorker;
  let [small, free] = ['', ''];
  const register = async (name: string, person = ada) =>
    String((await person.post('/repositories', { clone_url: `https://github.com/octo/${name}.git` })).body['id']);
  const limitTo = (max_running: number | null) => ada.patch(`/repositories/${small}`, { max_running });
  const repositoriesOf = async (max = 100) => {
    const { body } = await worker.post(`/workers/${worker.id}/claim`, { max });
    const names = new Map([
      [small, 'small'],
      [free, 'free'],
    ]);
    const claimed = body['executions'] as { task: { repository_id: string } }[];
    return claimed.map(({ task }) => names.get(task.repository_id)).sort();
  };
  beforeAll(async () => {
    worker = await registerWorker(server);
    [small, free] = [await register('small'), await register('free')];
    expect((await limitTo(2)).body).toMatchObject({ max_running: 2 });
  });
  afterEach(() => clear(worker));

  it('has so many of its tasks run at once and no more, whatever their agents are, and others go on', async () => {
    await fill('codegen', 3, { repository_id: small, priority: 'P0' });
    await fill('review', 3, { repository_id: small });
    await fill('codegen', 2, { repository_id: free });
    expect(await repositoriesOf()).toEqual(['free', 'free', 'small', 'small']);
    expect(await repositoriesOf()).toEqual([]);
    const [waiting] = (await ada.get('/tasks?status=pending')).body.items as { id: string }[];
    const { body } = await ada.get(`/tasks/${waiting?.id ?? ''}/explain`);
    expect(body['reasons']).toMatchObject([{ code: 'repository-limit', running: 2, max_running: 2 }]);
  });

  it('gives the next when one of them has ended', async () => {
    await fill('codegen', 3, { repository_id: small });
    const [first] = await worker.claim({ max: 10 });
    expect(await repositoriesOf()).toEqual([]);
    await worker.finish(first?.execution_id ?? '', { outcome: 'completed' });
    expect(await repositoriesOf()).toEqual(['small']);
  });

  it('keeps to the limit of an agent as well, and what one keeps from running leaves room to the others', async () => {
    await limit('review', 1);
    await fill('review', 3, { repository_id: small, priority: 'P0' });
    await fill('review', 2, { repository_id: free, priority: 'P0' });
    await fill('codegen', 3, { repository_id: small });
    await fill('codegen', 1, { repository_id: free });
    const { body } = await worker.post(`/workers/${worker.id}/claim`, { max: 100 });
    const claimed = (body['executions'] as { task: { agent_type: string; repository_id: string } }[]).map(
      ({ task }) => task,
    );
    expect(claimed.filter(({ agent_type }) => agent_type === 'review')).toHaveLength(1);
    expect(claimed.filter(({ repository_id }) => repository_id === small).length).toBeLessThanOrEqual(2);
    await worker.claim({ max: 100 });
    const { rows } = await server.sql.query<{ of_small: number; reviews: number }>(
      `select count(*) filter (where repository_id = $1)::integer as of_small,
              count(*) filter (where agent_type = 'review')::integer as reviews
       from tasks where organization_id = $2 and status = 'running'`,
      [small, ada.organization_id],
    );
    expect(rows).toMatchObject([{ of_small: 2, reviews: 1 }]);
    await limit('review', null);
  });

  it('is refused as none, as half a task and as too many, and is no limit when it is null', async () => {
    for (const max_running of [0, -1, 1.5, 10_001, '3'])
      expect(await ada.patch(`/repositories/${small}`, { max_running })).toMatchObject({ status: 400 });
    expect((await bob.patch(`/repositories/${small}`, { max_running: 1 })).status).toBe(404);
    expect((await limitTo(null)).body).toMatchObject({ max_running: null });
    await fill('codegen', 4, { repository_id: small });
    expect(await repositoriesOf()).toHaveLength(4);
  });
});

interface Locking {
  lockLimited: () => Promise<{ agents: object[]; repositories: string[] }>;
}

/** The most that ran at once, of rounds in which many claim at the same moment. */
async function mostAtOnce(workers: readonly TestWorker[], more: object = {}): Promise<number> {
  let most = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await fill('codegen', 20, more);
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

describe('claims that come at the same moment, to two processes', () => {
  let second: TestApp;
  let workers: TestWorker[];
  let repository_id: string;
  beforeAll(async () => {
    second = await startTestApp({}, server);
    // Different labels, so that they are not served by one statement.
    const labels = (at: number) => [`worker=${String(at)}`];
    workers = await Promise.all(
      Array.from({ length: CLAIMERS }, (_, at) =>
        registerWorker(at % 2 === 0 ? server : second, { labels: labels(at) }),
      ),
    );
    await limit('codegen', LIMIT);
    const { body } = await ada.post('/repositories', { clone_url: 'https://github.com/octo/raced.git' });
    repository_id = String(body['id']);
  });
  afterAll(() => second.close());

  it(
    'keep to the limit of an agent together, to the last one',
    async () => {
      const most = await mostAtOnce(workers);
      figure(2, 'most executions at once of an agent with a limit of', LIMIT, 'by', CLAIMERS, 'claimers:', most);
      expect(most).toBe(LIMIT);
    },
    PATIENCE_MS,
  );

  it(
    'keep to the limit of a repository together, to the last one',
    async () => {
      await limit('codegen', null);
      await ada.patch(`/repositories/${repository_id}`, { max_running: LIMIT });
      const most = await mostAtOnce(workers, { repository_id });
      figure(2, 'most tasks at once of a repository with a limit of', LIMIT, 'by', CLAIMERS, 'claimers:', most);
      expect(most).toBe(LIMIT);
    },
    PATIENCE_MS,
  );

  it(
    'would not if they looked before they have locked: this would be seen',
    async () => {
      const stores = [server, second].map(({ app }) => app.get(ClaimStore, { strict: false }) as unknown as Locking);
      const looking = { agents: [], repositories: [repository_id] };
      const before = stores.map(({ lockLimited }) => lockLimited);
      for (const store of stores) store.lockLimited = () => Promise.resolve(looking);
      try {
        const most = await mostAtOnce(workers, { repository_id });
        figure(2, 'control: most at once without the lock', most);
        expect(most).toBeGreaterThan(LIMIT);
      } finally {
        stores.forEach((store, at) => (store.lockLimited = before[at]!));
      }
    },
    PATIENCE_MS,
  );
});
