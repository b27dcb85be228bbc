import { BY_HAND, Engine } from './engine.js';
import { registerWorker, signInPerson, type Answer, type TestPerson, type TestWorker } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

const NOBODY = '0192f0c1-2345-7abc-8def-0123456789ab';

describe('work outside of the fleet', () => {
  let server: TestApp;
  let ada: TestPerson;
  let worker: TestWorker;
  let engine: Engine;

  beforeAll(async () => {
    server = await startTestApp(BY_HAND);
    ada = await signInPerson(server);
    worker = await registerWorker(server);
    engine = new Engine(server, ada);
    await engine.endGrace();
  });
  afterAll(() => server.close());
  beforeEach(() => server.sql.query('delete from queue_entries'));

  const codeOf = ({ status, body }: Answer) => [status, body['code']];
  const task = async (id: string) => (await ada.get(`/tasks/${id}`)).body;
  const executions = async (id: string) =>
    (await ada.get(`/executions?task_id=${id}`)).body.items as Record<string, unknown>[];
  const eventsOf = async (id: string) =>
    ((await ada.get(`/events?task_id=${id}`)).body.items as { type: string }[]).map(({ type }) => type);
  const started = async (input: object = {}): Promise<{ task_id: string; execution_id: string }> => {
    const task_id = await engine.task(input);
    const { status, body } = await ada.post(`/tasks/${task_id}/start`);
    if (status !== 200) throw new Error(`start was answered with ${JSON.stringify(body)}`);
    return { task_id, execution_id: String(body['current_execution_id']) };
  };

  it('is an attempt without worker and lease, on a branch named like any other', async () => {
    const { task_id, execution_id } = await started({ name: 'Büro: paint it!' });
    expect(await task(task_id)).toMatchObject({ status: 'running', worker_id: null, version: 2 });
    const [execution] = await executions(task_id);
    expect(execution).toMatchObject({
      id: execution_id,
      status: 'running',
      attempt: 1,
      worker_id: null,
      lease_expires_at: null,
      isolation: null,
      branch: `task/b-ro-paint-it-${task_id.slice(-8)}-a1`,
    });
    expect((await ada.get(`/tasks/${task_id}/explain`)).body).toMatchObject({
      status: 'running',
      reasons: [{ code: 'running', execution_id, worker_id: null }],
    });
    expect(await worker.claim({ max: 10 })).toEqual([]);
    await engine.sweep();
    const done = await ada.post(`/tasks/${task_id}/complete`, { result: { constructor: 1 } });
    expect([done.status, done.body]).toMatchObject([200, { status: 'completed', result: { constructor: 1 } }]);
    expect(await executions(task_id)).toMatchObject([
      { status: 'completed', result: { constructor: 1 }, progress: 100 },
    ]);
    expect(await eventsOf(task_id)).toEqual([
      ...['task.created', 'task.started', 'execution.started', 'execution.finished', 'task.completed'],
    ]);
    const { rows } = await server.sql.query('select from leases where task_id = $1', [task_id]);
    expect(rows).toEqual([]);
  });

  it('names its branch as a claim would', async () => {
    const name = '  Ünïcode & "quotes" / and-more-than-forty-letters-of-a-name  ';
    const [by_hand, claimed] = [await started({ name }), await engine.running(worker, { name })];
    const slugOf = async (id: string) => String((await executions(id))[0]?.['branch']).replace(id.slice(-8), '');
    expect(await slugOf(by_hand.task_id)).toBe(await slugOf(claimed.task_id));
    await worker.finish(claimed.execution_id, { outcome: 'completed' });
  });

  it('that fails is retried like any other, by the fleet too', async () => {
    const { task_id } = await started({ max_retries: 1 });
    const failed = await ada.post(`/tasks/${task_id}/fail`, { error_message: 'No luck.', failure_reason: 'sunspots' });
    expect([failed.status, failed.body]).toMatchObject([
      200,
      { status: 'pending', retry_count: 1, failure_reason: 'unknown', error_message: 'No luck.' },
    ]);
    const execution_id = await engine.claim(worker, task_id);
    expect((await ada.get(`/executions/${execution_id}`)).body).toMatchObject({ attempt: 2 });
    await worker.finish(execution_id, { outcome: 'completed' });
    const final = await started();
    const { body } = await ada.post(`/tasks/${final.task_id}/fail`, { retryable: false, failure_reason: 'git' });
    expect(body).toMatchObject({ status: 'failed', failure_reason: 'git', error_message: 'A git command failed.' });
  });

  it('ends when its time is over, and an answer that comes later ends nobody else', async () => {
    const { task_id, execution_id } = await started({ max_retries: 5 });
    await engine.expire(execution_id, 'deadline_at');
    await engine.sweep();
    expect(await task(task_id)).toMatchObject({ status: 'pending', failure_reason: 'timeout', retry_count: 1 });
    const late = () => ada.post(`/tasks/${task_id}/complete`, { execution_id });
    expect(codeOf(await late())).toEqual([409, 'execution/lease-lost']);
    expect((await ada.post(`/tasks/${task_id}/start`)).status).toBe(200);
    expect(codeOf(await late())).toEqual([409, 'execution/lease-lost']);
    expect(codeOf(await ada.post(`/tasks/${task_id}/fail`, { execution_id }))).toEqual([409, 'execution/lease-lost']);
    expect(await task(task_id)).toMatchObject({ status: 'running' });
    expect((await ada.post(`/tasks/${task_id}/complete`)).body).toMatchObject({ status: 'completed' });
  });

  it('is cancelled at once', async () => {
    const { task_id } = await started();
    const { status, body } = await ada.post(`/tasks/${task_id}/cancel`, { reason: 'not wanted' });
    expect([status, body]).toMatchObject([200, { status: 'cancelled', error_message: 'not wanted' }]);
    expect(await executions(task_id)).toMatchObject([{ status: 'cancelled' }]);
    const { rows } = await server.sql.query('select from leases where task_id = $1', [task_id]);
    expect(rows).toEqual([]);
  });

  it('is not what a worker holds: that is for its worker to finish', async () => {
    const { task_id, execution_id } = await engine.running(worker);
    for (const verb of ['complete', 'fail']) {
      const refused = await ada.post(`/tasks/${task_id}/${verb}`);
      expect(codeOf(refused)).toEqual([409, 'task/held-by-worker']);
      expect(refused.body['detail']).toContain(`/api/v1/executions/${execution_id}/finish`);
    }
    expect(codeOf(await ada.post(`/tasks/${task_id}/start`))).toEqual([409, 'task/not-pending']);
    const other = await started();
    expect(codeOf(await worker.finish(other.execution_id, { outcome: 'completed' }))).toEqual([
      404,
      'execution/not-found',
    ]);
    expect((await worker.beat([other.execution_id])).body['lost']).toEqual([other.execution_id]);
    await worker.finish(execution_id, { outcome: 'completed' });
  });

  it('needs a task that waits to be begun, and one that was begun to be ended', async () => {
    const { task_id } = await started();
    expect(codeOf(await ada.post(`/tasks/${task_id}/start`))).toEqual([409, 'task/not-pending']);
    await ada.post(`/tasks/${task_id}/complete`);
    expect(codeOf(await ada.post(`/tasks/${task_id}/complete`))).toEqual([409, 'task/not-running']);
    const blocked = await engine.task({ depends_on: [await engine.task()] });
    expect(codeOf(await ada.post(`/tasks/${blocked}/start`))).toEqual([409, 'task/not-pending']);
    const eve = await signInPerson(server);
    for (const verb of ['start', 'complete', 'fail']) {
      expect(codeOf(await eve.post(`/tasks/${task_id}/${verb}`))).toEqual([404, 'task/not-found']);
      expect(codeOf(await ada.post(`/tasks/${NOBODY}/${verb}`))).toEqual([404, 'task/not-found']);
      expect((await worker.post(`/tasks/${task_id}/${verb}`, {})).status).toBe(403);
    }
    expect((await ada.post(`/tasks/${task_id}/complete`, { result: 'text' })).status).toBe(400);
    expect((await ada.post(`/tasks/${task_id}/fail`, { novelty: 1 })).status).toBe(400);
  });

  it('keeps an exclusive key and hands it on; a later time is no hindrance', async () => {
    const key = { concurrency_key: 'deploy' };
    const first = await started(key);
    const next = await engine.task(key);
    expect(codeOf(await ada.post(`/tasks/${next}/start`))).toEqual([409, 'task/waits-for-key']);
    expect(await worker.claim({ max: 10 })).toEqual([]);
    await ada.post(`/tasks/${first.task_id}/complete`);
    const execution_id = await engine.claim(worker, next);
    await worker.finish(execution_id, { outcome: 'completed' });
    const later = await started({ ...key, run_at: new Date(Date.now() + 3_600_000).toISOString() });
    const waits = await engine.task(key);
    expect(await worker.claim({ max: 10 })).toEqual([]);
    await ada.post(`/tasks/${later.task_id}/complete`);
    await worker.finish(await engine.claim(worker, waits), { outcome: 'completed' });
  });

  it('wakes what waits for it', async () => {
    const { task_id } = await started();
    const waits = await engine.task({ depends_on: [task_id] });
    expect((await ada.post(`/tasks/${task_id}/complete`)).status).toBe(200);
    expect(await task(waits)).toMatchObject({ status: 'pending' });
  });

  it('is decided once, whoever is faster', async () => {
    for (let round = 0; round < 10; round++) {
      const { task_id } = await started({ max_retries: 0 });
      const answers = await Promise.all([
        ada.post(`/tasks/${task_id}/complete`),
        ada.post(`/tasks/${task_id}/fail`),
        ada.post(`/tasks/${task_id}/cancel`, {}),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
      const won = answers.find(({ status }) => status === 200)?.body['status'];
      expect((await task(task_id))['status']).toBe(won);
      expect(await executions(task_id)).toMatchObject([{ status: won }]);
    }
  });

  it('and a claim of the same task go to one of the two', async () => {
    for (let round = 0; round < 10; round++) {
      const task_id = await engine.task({ priority: 'P0' });
      const [begun, claims] = await Promise.all([ada.post(`/tasks/${task_id}/start`), worker.claim()]);
      expect([begun.status, claims.length]).toEqual(begun.status === 200 ? [200, 0] : [409, 1]);
      if (begun.status === 200) await ada.post(`/tasks/${task_id}/complete`);
      else await worker.finish(claims[0]?.execution_id ?? '', { outcome: 'completed' });
      expect(await executions(task_id)).toHaveLength(1);
    }
  });
});
