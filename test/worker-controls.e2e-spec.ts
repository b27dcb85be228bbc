import { Engine } from './engine.js';
import { eventually } from './eventually.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { statementsWait } from './lock-waits.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
/** The first of all, who administers the instance. */
let root: TestPerson;
let ada: TestPerson;
let engine: Engine;
let round = 0;

beforeAll(async () => {
  // Nothing but the clock and the routes moves a worker here.
  server = await startTestApp({ WORKER_WATCH_SECONDS: '600' });
  root = await signInPerson(server);
  ada = await signInPerson(server);
  engine = new Engine(server, ada);
});
afterAll(() => server.close());

/** A worker of Ada's organization, whose tasks nobody else may have. */
async function member(): Promise<{ worker: TestWorker; required_labels: string[] }> {
  const required_labels = [`own-${String((round += 1))}`];
  return { worker: await registerWorker(server, { labels: required_labels }, ada.token), required_labels };
}

const control = (worker: TestWorker, verb: string, body: object = {}) =>
  ada.post(`/workers/${worker.id}/${verb}`, body);

const read = async (worker: TestWorker) => (await ada.get(`/workers/${worker.id}`)).body;

const desired = async (worker: TestWorker) => (await worker.beat([])).body;

/** Moves the end of the pause of a worker by the database's clock. */
const endPauseIn = (worker: TestWorker, interval: string) =>
  server.sql.query('update worker_liveness set rests_until = now() + $2::interval where worker_id = $1', [
    worker.id,
    interval,
  ]);

async function auditOf(worker: TestWorker) {
  const { body } = await ada.get(`/audit-log?subject=${worker.id}`);
  return (body.items as { action: string; data: Record<string, unknown> }[]).map(({ action, data }) => [action, data]);
}

describe('a worker that is paused', () => {
  it('takes nothing and goes on with what it runs, says why, and takes work again when it is resumed', async () => {
    const { worker, required_labels } = await member();
    const { execution_id } = await engine.running(worker, { required_labels });
    const paused = await control(worker, 'pause', { note: 'New kernel' });
    expect(paused).toMatchObject({
      status: 200,
      body: { status: 'paused', health: 'unhealthy', note: 'New kernel', paused_until: null, active_tasks: 1 },
    });
    const task = await engine.task({ required_labels });
    expect(await worker.claim({ wait_seconds: 20 })).toEqual([]);
    expect(await desired(worker)).toMatchObject({ desired_status: 'paused', note: 'New kernel' });
    expect((await ada.get(`/tasks/${task}/explain`)).body['reasons']).toMatchObject([{ code: 'workers-paused' }]);
    expect((await worker.finish(execution_id, { outcome: 'completed' })).status).toBe(200);
    expect(await control(worker, 'resume')).toMatchObject({ status: 200, body: { status: 'active', note: null } });
    expect(await desired(worker)).toMatchObject({ desired_status: 'active', note: null });
    expect((await worker.claim()).map(({ task_id }) => task_id)).toEqual([task]);
  });

  it('until a time is active from then on, to the instant, without anybody doing anything', async () => {
    const { worker, required_labels } = await member();
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const paused = await control(worker, 'pause', { note: 'An hour', until });
    expect(paused.body).toMatchObject({ status: 'paused', paused_until: until });
    const task = await engine.task({ required_labels });
    expect(await worker.claim()).toEqual([]);
    await endPauseIn(worker, '0 seconds');
    expect(await read(worker)).toMatchObject({ status: 'active', note: null, paused_until: null });
    expect(await desired(worker)).toMatchObject({ desired_status: 'active', note: null });
    expect((await ada.get('/workers?status=active')).body.items).toContainEqual(
      expect.objectContaining({ id: worker.id }),
    );
    expect((await worker.claim()).map(({ task_id }) => task_id)).toEqual([task]);
  });

  it('is paused anew by a second pause, which takes the place of the first', async () => {
    const { worker } = await member();
    const until = new Date(Date.now() + 3_600_000).toISOString();
    await control(worker, 'pause', { note: 'one', until });
    expect((await control(worker, 'pause', { note: 'two' })).body).toMatchObject({ note: 'two', paused_until: null });
  });

  it('is refused an end that is past, or too far', async () => {
    const { worker } = await member();
    for (const until of ['2020-01-01T00:00:00Z', '2999-01-01T00:00:00Z'])
      expect(await control(worker, 'pause', { until })).toMatchObject({
        status: 400,
        body: { errors: [{ field: 'until' }] },
      });
    expect(await read(worker)).toMatchObject({ status: 'active' });
  });

  it('stays paused when its process registers anew, and its claim that waits returns at once', async () => {
    const name = `kept-${String((round += 1))}`;
    const worker = await registerWorker(server, { name }, ada.token);
    const waiting = worker.claim({ wait_seconds: 25 });
    await eventually('the claim waits', async () => (await read(worker))['last_heartbeat'] !== null);
    const began = performance.now();
    await control(worker, 'pause', { note: 'Not now' });
    expect(await waiting).toEqual([]);
    expect(performance.now() - began).toBeLessThan(20_000);
    const reborn = await registerWorker(server, { name, replace: true }, ada.token);
    expect(await desired(reborn)).toMatchObject({ desired_status: 'paused', note: 'Not now' });
  });

  it('gets nothing by a claim that was there before the pause and waited behind it', async () => {
    const { worker, required_labels } = await member();
    const task = await engine.task({ required_labels });
    await server.sql.query('begin');
    await server.sql.query('select from worker_liveness where worker_id = $1 for update', [worker.id]);
    const paused = control(worker, 'pause');
    await statementsWait(server, 1);
    const claim = worker.claim();
    await statementsWait(server, 2);
    await server.sql.query('commit');
    expect([(await paused).status, await claim]).toEqual([200, []]);
    expect((await ada.get(`/tasks/${task}`)).body['status']).toBe('pending');
  });
});

describe('a worker that is drained', () => {
  it('ends what it runs, takes no more, and has then stopped', async () => {
    const { worker, required_labels } = await member();
    const { execution_id } = await engine.running(worker, { required_labels });
    const task = await engine.task({ required_labels });
    expect(await control(worker, 'drain', { note: 'Moving' })).toMatchObject({
      status: 200,
      body: { status: 'draining', note: 'Moving' },
    });
    expect(await worker.claim()).toEqual([]);
    expect(await desired(worker)).toMatchObject({ desired_status: 'draining', note: 'Moving' });
    const { body } = await worker.finish(execution_id, { outcome: 'completed' });
    expect(body).toMatchObject({ desired_status: 'stopped' });
    expect(await read(worker)).toMatchObject({ status: 'stopped', health: 'unhealthy', active_tasks: 0 });
    expect(await worker.claim()).toEqual([]);
    expect((await ada.get(`/tasks/${task}/explain`)).body['reasons']).toMatchObject([{ code: 'label-missing' }]);
    for (const verb of ['resume', 'pause'])
      expect(await control(worker, verb)).toMatchObject({ status: 409, body: { code: 'worker/stopped' } });
  });

  it('has stopped at once when it runs nothing, and begins anew when it is started again', async () => {
    const name = `drained-${String((round += 1))}`;
    const worker = await registerWorker(server, { name }, ada.token);
    expect((await control(worker, 'drain')).body).toMatchObject({ status: 'stopped' });
    expect((await control(worker, 'drain')).body).toMatchObject({ status: 'stopped' });
    const again = await registerWorker(server, { name }, ada.token);
    expect(again.id).toBe(worker.id);
    expect(await read(again)).toMatchObject({ status: 'active', note: null });
  });

  it('has also stopped when its last execution is lost, and works on when it is resumed before', async () => {
    const { worker, required_labels } = await member();
    const { execution_id } = await engine.running(worker, { required_labels });
    await control(worker, 'drain');
    expect((await control(worker, 'resume')).body).toMatchObject({ status: 'active' });
    await control(worker, 'drain');
    await engine.endGrace();
    await engine.lose(execution_id);
    expect(await read(worker)).toMatchObject({ status: 'stopped' });
  });

  it('is drained still when its process comes back in the middle', async () => {
    const name = `crashed-${String((round += 1))}`;
    const required_labels = [name];
    const worker = await registerWorker(server, { name, labels: required_labels }, ada.token);
    const { execution_id } = await engine.running(worker, { required_labels });
    await control(worker, 'drain', { note: 'Leaving' });
    const again = await registerWorker(
      server,
      { name, labels: required_labels, replace: true, resume: [execution_id] },
      ada.token,
    );
    expect(await read(again)).toMatchObject({ status: 'draining', note: 'Leaving', active_tasks: 1 });
    await again.finish(execution_id, { outcome: 'completed' });
    expect(await desired(again)).toMatchObject({ desired_status: 'stopped' });
  });
});

describe('a worker that is deleted', () => {
  it('hands back what it ran, is refused from then on in words of its own, and is gone', async () => {
    const { worker, required_labels } = await member();
    const { task_id, execution_id } = await engine.running(worker, { required_labels });
    expect((await ada.delete(`/workers/${worker.id}`)).status).toBe(204);
    expect((await ada.get(`/workers/${worker.id}`)).status).toBe(404);
    expect(await worker.beat([execution_id])).toMatchObject({ status: 401, body: { code: 'auth/worker-deleted' } });
    expect((await ada.get(`/executions/${execution_id}`)).body).toMatchObject({
      status: 'released',
      error_message: 'Its worker has been deleted.',
    });
    expect((await ada.get(`/tasks/${task_id}`)).body).toMatchObject({ status: 'pending', retry_count: 0 });
    const heir = await registerWorker(server, { labels: required_labels });
    expect((await heir.claim()).map((claim) => claim.task_id)).toEqual([task_id]);
    expect((await ada.delete(`/workers/${worker.id}`)).status).toBe(404);
  });
});

describe('the token of a worker', () => {
  it('is rotated: the new one and those before it work, claims included, and those before it for ten minutes', async () => {
    const { worker, required_labels } = await member();
    const { status, body } = await control(worker, 'rotate-token');
    expect([status, body['former_valid_seconds']]).toEqual([200, 600]);
    const { body: second } = await control(worker, 'rotate-token');
    const claimWith = async (token: string) => {
      const task = await engine.task({ required_labels });
      const answer = await server.request
        .post(`/api/v1/workers/${worker.id}/claim`)
        .set('Authorization', `Bearer ${token}`)
        .send({ max: 100 });
      const { executions = [], code } = answer.body as { executions?: { task: { id: string } }[]; code?: string };
      return executions.some((given) => given.task.id === task) ? 'given' : (code ?? 'nothing');
    };
    const tokens = [worker.token, String(body['token']), String(second['token'])];
    for (const token of tokens) expect(await claimWith(token)).toBe('given');
    const { rows } = await server.sql.query<{ seconds: string | null }>(
      `select round(extract(epoch from expires_at - now())) as seconds from access_keys
       where worker_id = $1 order by created_at`,
      [worker.id],
    );
    const left = rows.map(({ seconds }) => seconds && Number(seconds));
    expect(left[2]).toBeNull();
    for (const seconds of left.slice(0, 2)) expect(Math.abs(Number(seconds) - 600)).toBeLessThan(60);
    await server.sql.query(
      'update access_keys set expires_at = now() where worker_id = $1 and expires_at is not null',
      [worker.id],
    );
    const verdicts: string[] = [];
    for (const token of tokens) verdicts.push(await claimWith(token));
    expect(verdicts).toEqual(['auth/token-rotated', 'auth/token-rotated', 'given']);
  });

  it('that was rotated is forgotten with the others when the worker registers anew', async () => {
    const name = `rotated-${String((round += 1))}`;
    const worker = await registerWorker(server, { name }, ada.token);
    const { body } = await control(worker, 'rotate-token');
    await registerWorker(server, { name, replace: true }, ada.token);
    for (const token of [worker.token, String(body['token'])]) {
      const answer = await server.request
        .post(`/api/v1/workers/${worker.id}/heartbeat`)
        .set('Authorization', `Bearer ${token}`)
        .send({});
      expect([answer.status, (answer.body as { code: string }).code]).toEqual([401, 'auth/key-revoked']);
    }
  });
});

describe('who manages workers', () => {
  it('is written down, and no secret with it', async () => {
    const { worker } = await member();
    const until = new Date(Date.now() + 3_600_000).toISOString();
    await control(worker, 'pause', { note: 'why', until });
    await control(worker, 'resume');
    const { body } = await control(worker, 'rotate-token');
    await control(worker, 'drain');
    await ada.delete(`/workers/${worker.id}`);
    const entries = await auditOf(worker);
    expect(entries.map(([action]) => action)).toEqual([
      'worker.deleted',
      'worker.drained',
      'worker.token_rotated',
      'worker.resumed',
      'worker.paused',
    ]);
    expect(entries[4]?.[1]).toMatchObject({ note: 'why', until });
    expect(JSON.stringify(entries)).not.toContain(String(body['token']));
  });

  it('is for workers of the instance its administrator alone', async () => {
    const worker = await registerWorker(server);
    const refused = { status: 403, body: { code: 'worker/of-the-instance' } };
    for (const verb of ['pause', 'resume', 'drain', 'rotate-token'])
      expect(await control(worker, verb)).toMatchObject(refused);
    expect(await ada.delete(`/workers/${worker.id}`)).toMatchObject(refused);
    for (const verb of ['pause', 'resume', 'rotate-token', 'drain'])
      expect((await root.post(`/workers/${worker.id}/${verb}`, {})).status).toBe(200);
    expect((await root.delete(`/workers/${worker.id}`)).status).toBe(204);
  });

  it('does not see those of other organizations', async () => {
    const { worker } = await member();
    const bob = await signInPerson(server);
    for (const verb of ['pause', 'resume', 'drain', 'rotate-token'])
      expect((await bob.post(`/workers/${worker.id}/${verb}`, {})).status).toBe(404);
    expect((await bob.delete(`/workers/${worker.id}`)).status).toBe(404);
    expect(await read(worker)).toMatchObject({ status: 'active' });
  });
});
