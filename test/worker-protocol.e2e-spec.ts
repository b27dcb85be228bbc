import type { Engine } from './engine.js';
import { registerWorker, type TestPerson } from './fleet.js';
import type { TestApp } from './test-app.js';
import { openServer, WAYS, type WorkerWay } from './worker-ways.js';

let server: TestApp;
let ada: TestPerson;
let engine: Engine;

beforeAll(async () => {
  ({ server, ada, engine } = await openServer());
});
afterAll(() => server.close());

describe.each(WAYS)('the worker protocol over %s', (_, open) => {
  let way: WorkerWay;
  let other: WorkerWay;
  let label: string;

  beforeAll(async () => {
    label = `way-${String(Math.random()).slice(2)}`;
    way = await open(server, { labels: [label] });
    other = await open(server, { labels: [label] });
  });
  afterAll(async () => {
    await way.close();
    await other.close();
  });

  /** A task that only these workers may have, claimed. */
  async function running(fields: object = {}): Promise<{ task: string; execution: string }> {
    const task = await engine.task({ required_labels: [label], ...fields });
    const { body } = await way.claim({});
    const [claimed] = body['executions'] as { execution: { id: string }; task: { id: string } }[];
    expect(claimed?.task.id).toBe(task);
    return { task, execution: claimed?.execution.id ?? '' };
  }

  const statusOf = async (task: string): Promise<unknown> => (await ada.get(`/tasks/${task}`)).body['status'];

  it('gives a task with all that is to be known of it, and nothing when there is none', async () => {
    const { task, execution } = await running();
    const { body } = await way.claim({});
    expect(body).toMatchObject({ executions: [], cancel: [], lost: [], desired_status: 'active' });
    expect((await ada.get(`/executions/${execution}`)).body).toMatchObject({ task_id: task, status: 'running' });
    await way.finish(execution, { outcome: 'completed' });
  });

  it('wakes a claim that waits', async () => {
    const waiting = way.claim({ wait_seconds: 20 });
    const task = await engine.task({ required_labels: [label] });
    const [claimed] = (await waiting).body['executions'] as { execution: { id: string }; task: { id: string } }[];
    expect(claimed?.task.id).toBe(task);
    await way.finish(claimed?.execution.id ?? '', { outcome: 'completed' });
  });

  it('stores log entries by their offset, says where it expected them, and takes them again', async () => {
    const { execution } = await running();
    const entries = [{ message: 'one' }, { message: 'two\u0000' }];
    expect(await way.logs(execution, { offset: 0, entries })).toMatchObject({
      status: 200,
      body: { next_offset: 2, cleaned: 1 },
    });
    expect(await way.logs(execution, { offset: 0, entries })).toMatchObject({ status: 200, body: { next_offset: 2 } });
    expect(await way.logs(execution, { offset: 5, entries })).toMatchObject({
      status: 409,
      code: 'execution/log-offset',
      body: { next_offset: 2 },
    });
    const { body } = await ada.get(`/executions/${execution}/logs`);
    expect((body.items as { message: string }[]).map(({ message }) => message)).toEqual(['one', 'two\ufffd']);
    await way.finish(execution, { outcome: 'completed', log_entries: 2 });
  });

  it('takes progress, usage and checkpoints', async () => {
    const { execution } = await running();
    const said = { progress: 40, message: 'half', usage: { input_tokens: 7 }, checkpoint: { step: 1 } };
    expect(await way.progress(execution, said)).toMatchObject({ status: 200 });
    expect((await ada.get(`/executions/${execution}`)).body).toMatchObject({
      progress: 40,
      progress_message: 'half',
      usage: { input_tokens: 7 },
    });
    await way.finish(execution, { outcome: 'completed' });
  });

  it('ends an execution, the same again like the first time, another way not', async () => {
    const { task, execution } = await running();
    expect(await way.finish(execution, { outcome: 'completed', result: { a: 1 } })).toMatchObject({ status: 200 });
    expect(await way.finish(execution, { outcome: 'completed' })).toMatchObject({ status: 200 });
    expect(await way.finish(execution, { outcome: 'failed' })).toMatchObject({
      status: 409,
      code: 'execution/already-finished',
    });
    expect(await statusOf(task)).toBe('completed');
  });

  it('refuses what is not as it must be, with the field, and changes nothing', async () => {
    const { task, execution } = await running();
    const faults = [
      [await way.finish(execution, { outcome: 'splendid' }), 'outcome'],
      [await way.finish(execution, { outcome: 'completed', exit_code: 'zero' }), 'exit_code'],
      [await way.finish(execution, { outcome: 'completed', error_message: 'a\u0000b' }), 'error_message'],
      [await way.progress(execution, { progress: 101 }), 'progress'],
      [await way.logs(execution, { offset: -1, entries: [{ message: 'x' }] }), 'offset'],
      [await way.logs(execution, { offset: 0, entries: [] }), 'entries'],
    ] as const;
    for (const [said, field] of faults) {
      expect(said).toMatchObject({ status: 400, code: 'request/invalid' });
      expect(said.body['errors']).toMatchObject([{ field }]);
    }
    expect((await ada.get(`/executions/${execution}`)).body).toMatchObject({ progress: null, log_entries: 0 });
    expect(await statusOf(task)).toBe('running');
    await way.finish(execution, { outcome: 'completed' });
  });

  it('passes over fields that it does not know', async () => {
    const { execution } = await running();
    expect(await way.progress(execution, { progress: 1, mood: 'good' })).toMatchObject({ status: 200 });
    expect(await way.finish(execution, { outcome: 'completed', mood: 'best' })).toMatchObject({ status: 200 });
  });

  it('refuses what is said of executions of another worker, and of none', async () => {
    const { task, execution } = await running();
    const nobody = '0192f0c1-2345-7abc-8def-0123456789ad';
    for (const id of [execution, nobody]) {
      const refused = { status: 404, code: 'execution/not-found' };
      expect(await other.logs(id, { offset: 0, entries: [{ message: 'x' }] })).toMatchObject(refused);
      expect(await other.progress(id, { progress: 5 })).toMatchObject(refused);
      expect(await other.finish(id, { outcome: 'completed' })).toMatchObject(refused);
    }
    expect(await statusOf(task)).toBe('running');
    await way.finish(execution, { outcome: 'completed' });
  });

  it('refuses late words, whatever they are', async () => {
    const { task, execution } = await running({ max_retries: 0 });
    await server.sql.query(`update leases set expires_at = now() - interval '1 minute' where execution_id = $1`, [
      execution,
    ]);
    await engine.endGrace();
    await engine.sweep();
    const refused = { status: 409, code: 'execution/lease-lost' };
    expect(await way.logs(execution, { offset: 0, entries: [{ message: 'x' }] })).toMatchObject(refused);
    expect(await way.progress(execution, { progress: 5 })).toMatchObject(refused);
    expect(await way.finish(execution, { outcome: 'completed' })).toMatchObject(refused);
    expect(await statusOf(task)).toBe('failed');
  });

  it('says with every answer what is to be ended, what is lost, and what the worker is to do', async () => {
    const { task, execution } = await running();
    await ada.post(`/tasks/${task}/cancel`, {});
    const answers = [
      await way.heartbeat({ executions: [{ id: execution }] }),
      await way.claim({}),
      await way.progress(execution, { progress: 3 }),
      await way.logs(execution, { offset: 0, entries: [{ message: 'x' }] }),
    ];
    for (const { body } of answers) expect(body).toMatchObject({ cancel: [execution], desired_status: 'active' });
    await way.finish(execution, { outcome: 'cancelled' });
    expect(await statusOf(task)).toBe('cancelled');
  });
});

describe('an exchange', () => {
  it('does not call lost what it has just ended', async () => {
    const worker = await registerWorker(server, { labels: ['at-once'] });
    await engine.task({ required_labels: ['at-once'] });
    const execution_id = String((await worker.claim())[0]?.execution_id);
    const said = {
      logs: [{ execution_id, offset: 0, entries: [{ message: 'a' }] }],
      progress: [{ execution_id, progress: 99 }],
      finish: [{ execution_id, outcome: 'completed', log_entries: 1 }],
    };
    const { body } = await worker.post(`/workers/${worker.id}/exchange`, said);
    expect(body).toMatchObject({ finish: [{ status: 'completed' }], lost: [] });
    const late = await worker.post(`/workers/${worker.id}/exchange`, { progress: said.progress });
    expect(late.body).toMatchObject({ progress: [{ problem: { status: 409 } }], lost: [execution_id] });
  });

  it('takes logs, progress and ends in this order, then gives work, and each item fails alone', async () => {
    const worker = await registerWorker(server, { labels: ['one-for-all'] });
    const required_labels = ['one-for-all'];
    const ids = [await engine.task({ required_labels }), await engine.task({ required_labels })];
    const claimed = await worker.claim({ max: 2 });
    const [one = '', two = ''] = claimed.map(({ execution_id }) => execution_id);
    const next = await engine.task({ required_labels });
    const nobody = '0192f0c1-2345-7abc-8def-0123456789ad';
    const { status, body } = await worker.post(`/workers/${worker.id}/exchange`, {
      logs: [
        { execution_id: one, offset: 0, entries: [{ message: 'a' }] },
        { execution_id: two, offset: 7, entries: [{ message: 'b' }] },
        { execution_id: one, offset: 1, entries: [{ message: 'c' }] },
        { execution_id: 'x' },
        'nonsense',
      ],
      progress: [
        { execution_id: two, progress: 10 },
        { execution_id: two, progress: 20 },
      ],
      finish: [
        { execution_id: one, outcome: 'completed', log_entries: 2 },
        { execution_id: nobody, outcome: 'completed' },
      ],
      metrics: { cpu_usage: 12.5, memory_usage: 40, disk_usage: 3, uptime_seconds: 60 },
      claim: { max: 1, wait_seconds: 20 },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      logs: [
        { execution_id: one, next_offset: 1 },
        { execution_id: two, next_offset: 0, problem: { status: 409, code: 'execution/log-offset' } },
        { execution_id: one, next_offset: 2 },
        { execution_id: 'x', problem: { status: 400, code: 'request/invalid' } },
        { execution_id: null, problem: { status: 400 } },
      ],
      progress: [{ execution_id: two }, { execution_id: two }],
      finish: [
        { execution_id: one, status: 'completed', task_status: 'completed' },
        { execution_id: nobody, problem: { status: 404 } },
      ],
      executions: [{ task: { id: next } }],
      cancel: [],
      desired_status: 'active',
    });
    expect((await ada.get(`/executions/${one}`)).body).toMatchObject({ log_entries: 2, log_incomplete: false });
    expect((await ada.get(`/executions/${two}`)).body).toMatchObject({ progress: 20, status: 'running' });
    expect((await ada.get(`/workers/${worker.id}`)).body).toMatchObject({ metrics: { cpu_usage: 12.5 } });
    expect(ids).toHaveLength(2);
  });

  it('does not wait for work when something in it was refused', async () => {
    const worker = await registerWorker(server, { labels: ['hasty'] });
    const began = Date.now();
    const { body } = await worker.post(`/workers/${worker.id}/exchange`, {
      finish: [{ execution_id: 'x', outcome: 'completed' }],
      claim: { wait_seconds: 25, max: 1 },
    });
    expect(body).toMatchObject({ finish: [{ problem: { status: 400 } }], executions: [] });
    // One that waits takes 25 seconds, whatever the machine.
    expect(Date.now() - began).toBeLessThan(24_000);
  });

  it('with a whole that is not as it must be is refused as a whole', async () => {
    const worker = await registerWorker(server);
    for (const body of [{ finish: 'x' }, { claim: { max: 0 } }, { logs: Array.from({ length: 257 }, () => ({})) }]) {
      const answer = await worker.post(`/workers/${worker.id}/exchange`, body);
      expect(answer).toMatchObject({ status: 400, body: { code: 'request/invalid' } });
    }
  });
});
