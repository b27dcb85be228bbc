import { existsSync } from 'node:fs';
import { Engine } from './engine.js';
import { eventually } from './eventually.js';
import { figure } from './figures.js';
import { registerWorker, signInPerson, type Answer, type TestPerson, type TestWorker } from './fleet.js';
import { RunnerInProcess } from './runner-in-process.js';
import { startTestApp, type TestApp } from './test-app.js';
import { WorkerSocket } from './worker-socket.js';
import { factsOf, told, type ListedWorktree, type WorktreeAnswer } from './worktree-site.js';

let server: TestApp;
let ada: TestPerson;
let engine: Engine;
let worker: TestWorker;

beforeAll(async () => {
  server = await startTestApp();
  ada = await signInPerson(server);
  engine = new Engine(server, ada);
  worker = await registerWorker(server);
});
afterAll(() => server.close());

const report = (execution_id: string, more: object = {}): object => ({
  execution_id,
  path: `/w/${execution_id}/checkout`,
  branch: 'task/issue-12-a1',
  head_sha: 'a'.repeat(40),
  ...{ dirty: false, unpushed: true, merged: false, size_bytes: 5_000_000_000, kept_because: 'it was not pushed' },
  ...{ created_at: '2026-01-31T12:00:00Z', changed_at: '2026-01-31T12:00:00Z', ...more },
});
const put = async (by: TestWorker, ...worktrees: object[]): Promise<Answer['body']> => {
  const request = server.request.put(`/api/v1/workers/${by.id}/worktrees`);
  return (await request.set('Authorization', `Bearer ${by.token}`).send({ worktrees })).body as Answer['body'];
};
const ended = async (by = worker): Promise<string> => {
  const { execution_id } = await engine.running(by);
  await by.finish(execution_id, { outcome: 'completed' });
  return execution_id;
};
const find = async (id: string): Promise<ListedWorktree> =>
  (await ada.get(`/worktrees/${id}`)).body as unknown as ListedWorktree;

it('a checkout of a worker is listed with what its worker says of it, and has nothing to compare until it is pushed', async () => {
  const id = await ended();
  await put(worker, report(id));
  const { body } = await ada.get('/worktrees?limit=100');
  const listed = (body as unknown as WorktreeAnswer).items.find((one) => one.id === id);
  expect(listed).toEqual(await find(id));
  expect(listed).toMatchObject({
    ...{ kind: 'checkout', worker_id: worker.id, execution_id: id, agent_type: 'note', issue_number: 12 },
    ...{ branch: 'task/issue-12-a1', size_bytes: 5_000_000_000, kept_because: 'it was not pushed' },
    ...{ would_lose: ['commits that were not pushed'], repository_id: null },
  });
  expect(told(await ada.get(`/worktrees/${id}/diff`))).toBe('409 worktree/not-pushed');
  const other = await signInPerson(server);
  expect(told(await other.get(`/worktrees/${id}`))).toBe('404 worktree/not-found');
});

it('a checkout of a worker goes when its worker says so: 202 until then', async () => {
  const id = await ended();
  await put(worker, report(id, { unpushed: false }));
  const first = await ada.delete(`/worktrees/${id}`);
  expect(first.status).toBe(202);
  expect(first.body['removal_requested_at']).toEqual(expect.any(String));
  expect((await ada.delete(`/worktrees/${id}`)).body['removal_requested_at']).toBe(first.body['removal_requested_at']);
  expect(await put(worker, report(id, { unpushed: false }))).toMatchObject({
    ...{ remove_worktrees: [id], force_worktrees: [] },
  });
  expect(await find(id)).toMatchObject({ removal_requested_at: first.body['removal_requested_at'] });
  expect(await put(worker)).toMatchObject({ remove_worktrees: [] });
  expect(told(await ada.get(`/worktrees/${id}`))).toBe('404 worktree/not-found');
  expect(await factsOf(ada, id, 'worktree.removed')).toMatchObject([
    { type: 'worktree.removal_requested', subject: { worktree_id: id } },
    { type: 'worktree.removed', subject: { worktree_id: id, worker_id: worker.id }, data: { requested: true } },
  ]);
});

it('a checkout of a worker stays when it holds work, also when that is found after the wish, unless it is to be lost', async () => {
  const id = await ended();
  await put(worker, report(id));
  const refusal = await ada.delete(`/worktrees/${id}`);
  expect(told(refusal)).toBe('409 worktree/holds-work');
  expect(refusal.body).toMatchObject({ would_lose: ['commits that were not pushed'] });
  await put(worker, report(id, { unpushed: false }));
  expect((await ada.delete(`/worktrees/${id}`)).status).toBe(202);
  expect(await put(worker, report(id, { dirty: true }))).toMatchObject({ remove_worktrees: [] });
  expect(await find(id)).toMatchObject({ removal_requested_at: null });
  expect(await factsOf(ada, id, 'worktree.kept')).toHaveLength(2);
  expect((await ada.delete(`/worktrees/${id}?force=true`)).status).toBe(202);
  expect(await put(worker, report(id, { dirty: true }))).toMatchObject({
    ...{ remove_worktrees: [id], force_worktrees: [id] },
  });
  await put(worker);
});

it('a checkout of a worker stays while its execution runs', async () => {
  const { execution_id: id } = await engine.running(worker);
  await put(worker, report(id, { unpushed: false, kept_because: null }));
  expect(told(await ada.delete(`/worktrees/${id}?force=true`))).toBe('409 worktree/in-use');
  await worker.finish(id, { outcome: 'completed' });
  await put(worker);
});

it('a checkout of a worker is still told of when its worker is gone for ever, and can be forgotten', async () => {
  const gone = await registerWorker(server, {}, ada.token);
  const id = await ended(gone);
  await put(gone, report(id, { unpushed: false }));
  expect((await ada.delete(`/workers/${gone.id}`)).status).toBe(204);
  expect(await find(id)).toMatchObject({ worker_id: null, path: `/w/${id}/checkout` });
  const refusal = await ada.delete(`/worktrees/${id}`);
  expect(told(refusal)).toBe('409 worktree/worker-gone');
  expect(refusal.body['detail']).toContain(`/w/${id}/checkout`);
  expect((await ada.delete(`/worktrees/${id}?force=true`)).status).toBe(204);
  expect(told(await ada.get(`/worktrees/${id}`))).toBe('404 worktree/not-found');
});

it('a removal is heard with every answer and over the channel, until the worker has told what there is', async () => {
  const id = await ended();
  await put(worker, report(id, { unpushed: false }));
  const channel = await WorkerSocket.open(server.url, worker.token);
  const waits = worker.post(`/workers/${worker.id}/claim`, { max: 1, wait_seconds: 25 });
  const looks = channel.ask({ type: 'heartbeat', executions: [] });
  expect(await looks).toMatchObject({ send_inventory: false });
  const began = performance.now();
  expect((await ada.delete(`/worktrees/${id}`)).status).toBe(202);
  expect(await channel.hears('inventory')).toEqual({ type: 'inventory' });
  // It may have begun to wait after the wish, when the answer before has told it already.
  for (const answer of [await worker.beat([]), await worker.post(`/workers/${worker.id}/claim`, { max: 1 })])
    expect(answer.body).toMatchObject({ send_inventory: true });
  expect((await waits).body).toMatchObject({ executions: [], send_inventory: true });
  figure(
    null,
    'a removal reaches a worker over its channel and its claim within, ms',
    Math.round(performance.now() - began),
  );
  // Once: who does not know the word is not sent round and round.
  const asked = performance.now();
  await worker.post(`/workers/${worker.id}/claim`, { max: 1, wait_seconds: 1 });
  expect(performance.now() - asked).toBeGreaterThan(900);
  expect(await put(worker, report(id, { unpushed: false }))).toMatchObject({
    ...{ remove_worktrees: [id], send_inventory: false },
  });
  expect((await worker.beat([])).body).toMatchObject({ send_inventory: false });
  await put(worker);
  await channel.close();
});

it.each(['on', 'off'])(
  'a checkout leaves the disk of a real worker, which confirms it; channel %s',
  async (channel) => {
    const runner = new RunnerInProcess(server, server.url, {
      ...{ MIYABI_KEY: ada.token, MIYABI_WORKER_SCOPE: 'organization', MIYABI_WORKER_NAME: `real-${channel}` },
      ...{ MIYABI_LABELS: 'real', MIYABI_CHANNEL: channel, INVENTORY_SECONDS: '3600' },
    });
    try {
      // Without a repository there is nowhere to push to, so what it commits is in its checkout alone.
      await ada.task({ required_labels: ['real'] });
      let id = '';
      await eventually('the checkout is told', async () => {
        const { body } = await ada.get('/worktrees?limit=100');
        const kept = (body as unknown as WorktreeAnswer).items.find((one) => one.path.startsWith(runner.directory));
        id = kept?.kept_because == null ? '' : kept.id;
        return id !== '';
      });
      const { path } = await find(id);
      expect(existsSync(path)).toBe(true);
      expect(told(await ada.delete(`/worktrees/${id}`))).toBe('409 worktree/holds-work');
      expect((await ada.delete(`/worktrees/${id}?force=true`)).status).toBe(202);
      await eventually('it is confirmed', async () => (await ada.get(`/worktrees/${id}`)).status === 404);
      expect(existsSync(path)).toBe(false);
    } finally {
      await runner.remove();
    }
  },
);
