import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { Engine } from './engine.js';
import { registerWorker, signInPerson, type Answer, type TestPerson, type TestWorker } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let ada: TestPerson;
let engine: Engine;
let worker: TestWorker;
let other: TestWorker;

beforeAll(async () => {
  server = await startTestApp();
  ada = await signInPerson(server);
  engine = new Engine(server, ada);
  worker = await registerWorker(server);
  other = await registerWorker(server);
});
afterAll(() => server.close());

async function put(by: TestWorker, worktrees: unknown, at = by): Promise<Answer> {
  const { status, body } = await server.request
    .put(`/api/v1/workers/${at.id}/worktrees`)
    .set('Authorization', `Bearer ${by.token}`)
    .send({ worktrees });
  return { status, body: body as Answer['body'] };
}

const report = (execution_id: string, more: object = {}): object => ({
  execution_id,
  path: `/w/${execution_id}/checkout`,
  branch: 'task/x-a1',
  head_sha: 'a'.repeat(40),
  ...{ dirty: false, unpushed: true, merged: false, size_bytes: 5_000_000_000 },
  kept_because: 'its branch was not pushed',
  created_at: '2026-01-31T12:00:00Z',
  changed_at: '2026-01-31T12:00:00Z',
  ...more,
});

const stored = async (): Promise<Record<string, unknown>[]> =>
  (await server.sql.query('select * from worker_checkouts order by id')).rows as Record<string, unknown>[];

it('keeps what a worker says of its checkouts, all of it', async () => {
  const one = (await engine.running(worker)).execution_id;
  const two = (await engine.running(worker)).execution_id;
  const answer = await put(worker, [report(one), report(two, { branch: null, head_sha: null, kept_because: null })]);
  expect(answer).toEqual({
    status: 200,
    body: {
      remove_worktrees: [],
      force_worktrees: [],
      cancel: [],
      lost: [],
      desired_status: 'active',
      send_inventory: false,
    },
  });
  expect(await stored()).toMatchObject([
    { id: one, worker_id: worker.id, unpushed: true, size_bytes: '5000000000', removal_requested_at: null },
    { id: two, branch: null, head_sha: null, kept_because: null },
  ]);
  await put(worker, [report(two, { dirty: true })]);
  expect(await stored()).toMatchObject([{ id: two, dirty: true, kept_because: 'its branch was not pushed' }]);
});

it('says what is to be removed until it is gone', async () => {
  const { execution_id: id } = await engine.running(worker);
  await put(worker, [report(id, { unpushed: false })]);
  await server.sql.query('update worker_checkouts set removal_requested_at = now() where id = $1', [id]);
  for (const _ of [1, 2])
    expect((await put(worker, [report(id, { unpushed: false })])).body['remove_worktrees']).toEqual([id]);
  expect((await put(other, [])).body['remove_worktrees']).toEqual([]);
  expect((await put(worker, [])).body['remove_worktrees']).toEqual([]);
  expect(await stored()).toEqual([]);
});

it('keeps what nobody has looked at as neither yes nor no, and takes back the wish to remove it', async () => {
  const { execution_id: id } = await engine.running(worker);
  const unseen = { head_sha: null, dirty: null, unpushed: null, merged: null };
  await put(worker, [report(id, { unpushed: false })]);
  await worker.finish(id, { outcome: 'completed' });
  expect((await ada.delete(`/worktrees/${id}`)).status).toBe(202);
  expect((await put(worker, [report(id, unseen)])).body['remove_worktrees']).toEqual([]);
  expect(await stored()).toMatchObject([{ id, ...unseen, removal_requested_at: null }]);
  const would_lose = ['what it holds, which nobody has looked at'];
  expect((await ada.get(`/worktrees/${id}`)).body).toMatchObject({ ...unseen, would_lose });
  expect(await ada.delete(`/worktrees/${id}`)).toMatchObject({
    ...{ status: 409, body: { code: 'worktree/holds-work', would_lose } },
  });
  const { decisions } = (await ada.post('/worktrees/cleanup', { dry_run: true, unused_for_seconds: 0 })).body;
  expect(decisions).toMatchObject([{ remove: false, outcome: 'kept', because: would_lose[0] }]);
  // Whether it is merged may be all that is missing.
  await put(worker, [report(id, { ...unseen, dirty: false, unpushed: false })]);
  expect((await ada.delete(`/worktrees/${id}`)).status).toBe(202);
  await put(worker, []);
});

it('passes over executions of other workers and unknown ones, and is for its own worker alone', async () => {
  const { execution_id: id } = await engine.running(worker);
  await put(worker, [report(id)]);
  expect((await put(other, [report(id, { path: '/theirs' }), report(newId())])).status).toBe(200);
  expect(await stored()).toMatchObject([{ id, worker_id: worker.id, path: `/w/${id}/checkout` }]);
  expect((await put(other, [], worker)).status).toBe(404);
  expect(await stored()).toHaveLength(1);
});

it('takes each checkout once, and refuses what is none', async () => {
  const { execution_id: id } = await engine.running(worker);
  await put(worker, [report(id), report(id)]);
  expect(await stored()).toMatchObject([{ id }]);
  for (const wrong of [{ size_bytes: -1 }, { head_sha: 'main' }, { created_at: 'yesterday' }, { dirty: 'no' }])
    expect((await put(worker, [report(id, wrong)])).status).toBe(400);
});

it('pauses a worker by its own wish, with its note, and does not change what people have set', async () => {
  const beat = (): Promise<Answer> => worker.post(`/workers/${worker.id}/heartbeat`, { pause: { note: 'Disk full.' } });
  expect((await beat()).body).toMatchObject({ desired_status: 'paused', note: 'Disk full.' });
  await server.sql.query(`update workers set status = 'draining', note = 'Moving' where id = $1`, [worker.id]);
  expect((await beat()).body).toMatchObject({ desired_status: 'draining', note: 'Moving' });
});
