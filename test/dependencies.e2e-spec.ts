import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { actOn, bulk, chain, end, FAILURE, type MadeTask, statusesOf, SUCCESS } from './task-graphs.js';
import { startTestApp, type TestApp } from './test-app.js';

const NOBODY = '0192f0c1-2345-7abc-8def-0123456789ab';

let server: TestApp;
let ada: TestPerson;
let worker: TestWorker;

beforeAll(async () => {
  server = await startTestApp();
  ada = await signInPerson(server);
  worker = await registerWorker(server);
});
afterAll(() => server.close());

const code = ({ status, body }: { status: number; body: Record<string, unknown> }) =>
  `${String(status)} ${String(body['code'] ?? '')}`.trim();
const statuses = (...ids: string[]) => statusesOf(server, ids);
const idsOf = (page: { body: { items?: unknown } }) => (page.body.items as { id: string }[]).map(({ id }) => id);
const wait = (id: string, forId: string) => ada.post(`/tasks/${id}/dependencies`, { depends_on_task_id: forId });
const typesOf = async (id: string) =>
  ((await ada.get(`/tasks/${id}/events`)).body.items as { type: string }[]).map(({ type }) => type);

describe('a task that depends on others', () => {
  it('is blocked until the last of them has completed', async () => {
    const [a, b] = [await ada.task(), await ada.task()];
    const c = await ada.task({ depends_on: [a, b.toUpperCase()] });
    expect(await statuses(a, b, c)).toEqual(['pending', 'pending', 'blocked']);
    await end(worker, b, SUCCESS);
    expect(await statuses(c)).toEqual(['blocked']);
    await end(worker, a, SUCCESS);
    expect(await statuses(c)).toEqual(['pending']);
    expect(await typesOf(c)).toEqual(['task.created', 'task.unblocked']);
    await end(worker, c, SUCCESS);
  });

  it('starts at once where all of them have completed before', async () => {
    const a = await ada.task();
    await end(worker, a, SUCCESS);
    const b = await ada.task({ depends_on: [a] });
    expect(await statuses(b)).toEqual(['pending']);
    await end(worker, b, SUCCESS);
  });

  it('is skipped when one fails, with those behind it, and comes back when that one is retried and completes', async () => {
    const [a, b, c] = (await chain(ada, 3)).map(({ id }) => id) as [string, string, string];
    const other = await ada.task();
    expect(code(await wait(c, other))).toBe('201');
    await end(worker, a, FAILURE);
    expect(await statuses(a, b, c)).toEqual(['failed', 'skipped', 'skipped']);
    expect((await ada.get(`/tasks/${c}`)).body).toMatchObject({
      error_message: 'A task it depends on ended without success.',
      completed_at: expect.any(String),
    });
    expect((await ada.post(`/tasks/${a}/retry`)).body).toMatchObject({ status: 'pending', retry_count: 0 });
    expect(await statuses(b, c)).toEqual(['skipped', 'skipped']);
    await end(worker, a, SUCCESS);
    expect(await statuses(b, c)).toEqual(['pending', 'skipped']);
    await end(worker, b, SUCCESS);
    expect(await statuses(c)).toEqual(['blocked']);
    await end(worker, other, SUCCESS);
    expect((await ada.get(`/tasks/${c}`)).body).toMatchObject({
      status: 'pending',
      error_message: null,
      completed_at: null,
    });
    expect(await typesOf(c)).toEqual(['task.created', 'task.skipped', 'task.blocked', 'task.unblocked']);
    await end(worker, c, SUCCESS);
  });

  it('is skipped with the other arms of a diamond, each once', async () => {
    const [top, left, right, bottom] = (
      await bulk(ada, [
        { ref: 'top' },
        { ref: 'left', depends_on: ['top'] },
        { ref: 'right', depends_on: ['top'] },
        { depends_on: ['left', 'right'] },
      ])
    ).map(({ id }) => id) as [string, string, string, string];
    await ada.post(`/tasks/${top}/cancel`, {});
    expect(await statuses(left, right, bottom)).toEqual(['skipped', 'skipped', 'skipped']);
    expect(await typesOf(bottom)).toEqual(['task.created', 'task.skipped']);
    await ada.post(`/tasks/${top}/retry`);
    await end(worker, top, SUCCESS);
    await end(worker, left, SUCCESS);
    expect(await statuses(right, bottom)).toEqual(['pending', 'blocked']);
    await end(worker, right, SUCCESS);
    expect(await statuses(bottom)).toEqual(['pending']);
    await end(worker, bottom, SUCCESS);
  });

  it('of one that has ended without success is skipped from the beginning, as are those created behind it', async () => {
    const a = await ada.task();
    await ada.post(`/tasks/${a}/cancel`, {});
    const made = await bulk(ada, [
      { ref: 'b', depends_on: [a] },
      { ref: 'c', depends_on: ['b', a] },
      { depends_on: ['c'] },
      {},
    ]);
    expect(made.map(({ status }) => status)).toEqual(['skipped', 'skipped', 'skipped', 'pending']);
    for (const { id } of made.slice(0, 3)) expect(await typesOf(id)).toEqual(['task.created', 'task.skipped']);
    await ada.post(`/tasks/${made[3]?.id ?? ''}/cancel`, {});
  });

  it('stays blocked when it is retried before its cause, until that one completes or is taken away', async () => {
    const [a, b, c] = [await ada.task(), await ada.task(), await ada.task()];
    const d = await ada.task({ depends_on: [a, b] });
    await ada.post(`/tasks/${a}/cancel`, {});
    expect((await ada.post(`/tasks/${d}/retry`)).body['status']).toBe('blocked');
    // What does not change the cause does not change its mind either.
    await end(worker, b, SUCCESS);
    expect(await statuses(d)).toEqual(['blocked']);
    await ada.post(`/tasks/${c}/cancel`, {});
    expect((await wait(d, c)).body['status']).toBe('skipped');
    await ada.post(`/tasks/${d}/retry`);
    expect(code(await ada.delete(`/tasks/${d}/dependencies/${c}`))).toBe('204');
    expect(await statuses(d)).toEqual(['blocked']);
    expect(code(await ada.delete(`/tasks/${d}/dependencies/${a}`))).toBe('204');
    expect(await statuses(d)).toEqual(['pending']);
    await end(worker, d, SUCCESS);
  });

  it('names each of them in their order, and each of them names it', async () => {
    const made = [await ada.task({ name: 'x' }), await ada.task({ name: 'y' }), await ada.task({ name: 'z' })];
    const [x, y, z] = made as [string, string, string];
    const d = await ada.task({ depends_on: [z, x] });
    expect((await wait(d, y)).body).toMatchObject({ id: d, status: 'blocked' });
    const page = await ada.get(`/tasks/${d}/dependencies`);
    expect(idsOf(page)).toEqual([z, x, y]);
    expect(page.body['next_cursor']).toBeNull();
    const others = await bulk(ada, [{ depends_on: [x] }, { depends_on: [x] }]);
    const first = await ada.get(`/tasks/${x}/dependents?limit=2`);
    expect(idsOf(first)).toEqual([d, others[0]?.id]);
    const cursor = String(first.body['next_cursor']);
    const second = await ada.get(`/tasks/${x}/dependents?limit=2&cursor=${cursor}`);
    expect([idsOf(second), second.body['next_cursor']]).toEqual([[others[1]?.id], null]);
    expect(code(await ada.get(`/tasks?cursor=${cursor}`))).toBe('400 request/invalid');
    expect(code(await ada.get(`/tasks/${x}/events?cursor=${cursor}`))).toBe('400 request/invalid');
    for (const id of made) await ada.post(`/tasks/${id}/cancel`, {});
  });
});

describe('dependencies', () => {
  it('are refused when they would close a cycle, which is named', async () => {
    const [a, b, c] = (await chain(ada, 3)) as unknown as [MadeTask, MadeTask, MadeTask];
    const refused = await wait(a.id, c.id);
    expect(code(refused)).toBe('409 task/dependency-cycle');
    expect(refused.body['cycle']).toEqual([a.id, c.id, b.id, a.id]);
    expect(refused.body['detail']).toContain('task 0 → task 2 → task 1 → task 0');
    const self = await wait(a.id, a.id);
    expect([code(self), self.body['cycle']]).toEqual(['409 task/dependency-cycle', [a.id, a.id]]);
    expect(await statuses(a.id)).toEqual(['pending']);
    await ada.post(`/tasks/${a.id}/cancel`, {});
  });

  it('on what has completed are no cycle and block nothing', async () => {
    const a = await ada.task();
    await end(worker, a, SUCCESS);
    const b = await ada.task();
    expect((await wait(b, a)).body['status']).toBe('pending');
    await end(worker, b, SUCCESS);
  });

  it('change only while the task waits, and only between tasks of one organization', async () => {
    const eve = await signInPerson(server);
    const foreign = await eve.task();
    const [a, b] = [await ada.task(), await ada.task()];
    expect(code(await wait(a, foreign))).toBe('400 task/unknown-dependency');
    expect(code(await wait(a, NOBODY))).toBe('400 task/unknown-dependency');
    expect(code(await eve.post(`/tasks/${a}/dependencies`, { depends_on_task_id: foreign }))).toBe(
      '404 task/not-found',
    );
    for (const path of ['dependencies', 'dependents', 'events', 'executions'])
      expect([path, code(await eve.get(`/tasks/${a}/${path}`))]).toEqual([path, '404 task/not-found']);
    expect(code(await eve.delete(`/tasks/${a}/dependencies/${b}`))).toBe('404 task/not-found');
    expect(code(await ada.delete(`/tasks/${a}/dependencies/${b}`))).toBe('404 task/dependency-not-found');
    expect(code(await wait(a, b))).toBe('201');
    expect(code(await wait(a, b))).toBe('409 task/dependency-exists');
    await end(worker, b, SUCCESS);
    await end(worker, a, SUCCESS);
    expect(code(await wait(a, b))).toBe('409 task/not-waiting');
    expect(code(await ada.delete(`/tasks/${a}/dependencies/${b}`))).toBe('409 task/not-waiting');
    await eve.post(`/tasks/${foreign}/cancel`, {});
  });

  it('take a pending task out of the queue, and give it back when the last goes', async () => {
    const [a, b] = [await ada.task(), await ada.task()];
    await wait(b, a);
    const queued = async () => (await server.sql.query('select 1 from queue_entries where task_id = $1', [b])).rowCount;
    expect([await queued(), ...(await statuses(b))]).toEqual([0, 'blocked']);
    await ada.delete(`/tasks/${b}/dependencies/${a}`);
    expect([await queued(), ...(await statuses(b))]).toEqual([1, 'pending']);
    for (const id of [a, b]) await ada.post(`/tasks/${id}/cancel`, {});
  });

  it('are a hundred at most, each named once', async () => {
    const many = (
      await bulk(
        ada,
        Array.from({ length: 101 }, () => ({ priority: 'P2' })),
      )
    ).map(({ id }) => id);
    expect(code(await ada.post('/tasks', { name: 'x', agent_type: 'note', depends_on: many }))).toBe(
      '400 request/invalid',
    );
    const twice = await ada.post('/tasks', { name: 'x', depends_on: [many[0], many[0]?.toUpperCase()] });
    expect(twice.body['errors']).toEqual([{ field: 'depends_on', message: 'depends_on must not name the same twice' }]);
    const full = await ada.task({ depends_on: many.slice(0, 100) });
    expect(code(await wait(full, many[100] ?? ''))).toBe('409 task/too-many-dependencies');
    expect(idsOf(await ada.get(`/tasks/${full}/dependencies`))).toEqual(many.slice(0, 100));
    await actOn(ada, { action: 'cancel', ids: many });
    expect(await statuses(full)).toEqual(['skipped']);
  });

  it('keep a task from being deleted while others that have not begun depend on it', async () => {
    const a = await ada.task();
    const b = await ada.task({ depends_on: [a] });
    expect(code(await ada.delete(`/tasks/${a}`))).toBe('409 task/needed');
    await end(worker, a, SUCCESS);
    expect(code(await ada.delete(`/tasks/${a}`))).toBe('409 task/needed');
    await end(worker, b, SUCCESS);
    expect(code(await ada.delete(`/tasks/${a}`))).toBe('204');
    expect(idsOf(await ada.get(`/tasks/${b}/dependencies`))).toEqual([]);
  });

  it('are found by a task that does not exist any more to be nothing', async () => {
    const refused = await ada.post('/tasks', { name: 'x', agent_type: 'note', depends_on: [NOBODY] });
    expect([code(refused), refused.body['errors']]).toEqual([
      '400 task/unknown-dependency',
      [{ field: 'depends_on', message: 'depends_on must name tasks of this organization' }],
    ]);
  });
});

it('a chain of a thousand is passed over with the failure of its first, in one go', async () => {
  const made = await chain(ada, 1000);
  const ids = made.map(({ id }) => id);
  await end(worker, ids[0] ?? '', FAILURE);
  const { rows } = await server.sql.query(
    'select status, count(*)::integer from tasks where id = any ($1) group by 1',
    [ids.slice(1)],
  );
  expect(rows).toEqual([{ status: 'skipped', count: 999 }]);
  await ada.post(`/tasks/${ids[0] ?? ''}/retry`);
  await end(worker, ids[0] ?? '', SUCCESS);
  expect(await statuses(...ids.slice(0, 3))).toEqual(['completed', 'pending', 'skipped']);
  const cycle = await wait(ids[1] ?? '', ids[999] ?? '');
  expect(code(cycle)).toBe('409 task/dependency-cycle');
  expect((cycle.body['cycle'] as string[]).length).toBe(1000);
  expect(String(cycle.body['detail']).length).toBeLessThan(300);
});
