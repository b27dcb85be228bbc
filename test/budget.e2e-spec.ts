import { Engine, BY_HAND } from './engine.js';
import { registerWorker, signInPerson, type Answer, type TestPerson, type TestWorker } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

const NOTHING = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, cache_write_tokens: 0 };

describe('a budget', () => {
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

  // What an earlier test has left in the queue would be claimed by the next one.
  beforeEach(() => server.sql.query(`delete from queue_entries`));

  const task = async (id: string) => (await ada.get(`/tasks/${id}`)).body;
  const execution = async (id: string) => (await ada.get(`/executions/${id}`)).body;
  const progress = (id: string, body: object): Promise<Answer> => worker.post(`/executions/${id}/progress`, body);
  const beat = (id: string, usage: object): Promise<Answer> =>
    worker.post(`/workers/${worker.id}/heartbeat`, { executions: [{ id, usage }] });
  const spent = async (id: string) => {
    const { rows } = await server.sql.query<{ usage: string | null }>('select usage::text from tasks where id = $1', [
      id,
    ]);
    return rows[0]?.usage ?? null;
  };
  const warnings = async (id: string) =>
    (await ada.get(`/events?task_id=${id}&types=budget.warning`)).body.items as { data: object }[];

  it('counts what an attempt says of itself, which only grows, field by field', async () => {
    const { execution_id } = await engine.running(worker);
    expect((await execution(execution_id))['usage']).toBeNull();
    await progress(execution_id, { usage: { input_tokens: 10, cost_usd: 0.25, cost_source: 'estimated' } });
    await beat(execution_id, { input_tokens: 7, output_tokens: 5, cost_usd: 0.1 });
    expect((await execution(execution_id))['usage']).toEqual({
      ...NOTHING,
      input_tokens: 10,
      output_tokens: 5,
      cost_usd: 0.25,
      cost_source: 'estimated',
    });
    await progress(execution_id, { message: 'nothing of usage' });
    const usage = { cache_read_tokens: 9007199254740991, cost_usd: 0.250001, cost_source: 'reported' };
    const { body } = await worker.finish(execution_id, { outcome: 'completed', usage });
    expect((body['execution'] as { usage: object }).usage).toEqual({
      ...NOTHING,
      input_tokens: 10,
      output_tokens: 5,
      cache_read_tokens: 9007199254740991,
      cost_usd: 0.250001,
      cost_source: 'reported',
    });
  });

  it('refuses usage that is none', async () => {
    const { execution_id } = await engine.running(worker);
    const bad = [
      { input_tokens: -1 },
      { input_tokens: 1.5 },
      { output_tokens: '3' },
      { input_tokens: null },
      { cost_usd: -0.01 },
      { cost_usd: 0.0000001 },
      { cost_usd: 1e300 },
      { cost_source: 'guessed' },
    ];
    for (const usage of [...bad, [], null, 'much'])
      expect([usage, (await progress(execution_id, { usage })).status]).toEqual([usage, 400]);
    const exact = await server.request
      .post(`/api/v1/executions/${execution_id}/progress`)
      .set({ authorization: `Bearer ${worker.token}`, 'content-type': 'application/json' })
      .send('{"usage": {"input_tokens": 9007199254740993}}');
    expect(exact.status).toBe(400);
    expect((await progress(execution_id, { usage: { novelty: 1, input_tokens: 1 } })).status).toBe(200);
    await worker.finish(execution_id, { outcome: 'completed' });
  });

  it('ends the attempt that exceeds it: told at once, failed by policy, and not retried', async () => {
    const { task_id, execution_id } = await engine.running(worker, { max_cost_usd: 1 });
    expect((await progress(execution_id, { usage: { cost_usd: 1 } })).body['cancel']).toEqual([]);
    const over = await progress(execution_id, { usage: { cost_usd: 1.000001 } });
    expect([over.status, over.body['cancel']]).toEqual([200, [execution_id]]);
    expect((await worker.beat([execution_id])).body['cancel']).toEqual([execution_id]);
    const ended = await worker.finish(execution_id, { outcome: 'cancelled', error_message: 'Ended as asked.' });
    expect(ended.body['execution']).toMatchObject({ status: 'failed', failure_reason: 'policy' });
    expect(ended.body['task']).toMatchObject({
      status: 'failed',
      failure_reason: 'policy',
      retry_count: 0,
      error_message: 'The budget of the task is used up. Ended as asked.',
    });
    const again = await worker.finish(execution_id, { outcome: 'cancelled' });
    expect([again.status, again.body['execution']]).toEqual([200, ended.body['execution']]);
    expect((await worker.finish(execution_id, { outcome: 'completed' })).body['code']).toBe(
      'execution/already-finished',
    );
    await expect(engine.retry(task_id)).rejects.toMatchObject({ code: 'task/budget-used-up' });
  });

  it('counts every token, also of a heartbeat, and wakes a claim that waits', async () => {
    const { execution_id } = await engine.running(worker, { max_tokens: 100 });
    const waiting = worker.post(`/workers/${worker.id}/claim`, { wait_seconds: 25 });
    const each = { input_tokens: 25, output_tokens: 25, cache_read_tokens: 25 };
    expect((await beat(execution_id, { ...each, cache_write_tokens: 25 })).body['cancel']).toEqual([]);
    expect((await beat(execution_id, { ...each, cache_write_tokens: 26 })).body['cancel']).toEqual([execution_id]);
    expect((await waiting).body).toMatchObject({ executions: [], cancel: [execution_id] });
    const { body } = await worker.finish(execution_id, { outcome: 'failed', failure_reason: 'rate_limited' });
    expect(body['task']).toMatchObject({ status: 'failed', failure_reason: 'policy' });
  });

  it('does not take back what was done: a completed attempt counts', async () => {
    const { execution_id } = await engine.running(worker, { max_cost_usd: 0.5 });
    expect((await progress(execution_id, { usage: { cost_usd: 9 } })).body['cancel']).toEqual([execution_id]);
    const { body } = await worker.finish(execution_id, { outcome: 'completed' });
    expect(body['task']).toMatchObject({ status: 'completed', failure_reason: null, error_message: null });
  });

  it('is for all attempts together, to the last decimal', async () => {
    const { task_id, execution_id } = await engine.running(worker, { max_cost_usd: 0.3, max_retries: 9 });
    await worker.finish(execution_id, { outcome: 'failed', usage: { cost_usd: 0.1, cost_source: 'reported' } });
    const second = await engine.claim(worker, task_id);
    // In doubles 0.1 + 0.2 is more than 0.3.
    expect((await progress(second, { usage: { cost_usd: 0.2, cost_source: 'reported' } })).body['cancel']).toEqual([]);
    expect(JSON.parse((await spent(task_id)) ?? '')).toMatchObject({ cost_usd: 0.1 });
    const { body } = await worker.finish(second, { outcome: 'failed', failure_reason: 'agent_error' });
    expect(body['execution'] as object).toMatchObject({ status: 'failed', failure_reason: 'agent_error' });
    expect(body['task']).toMatchObject({ status: 'failed', failure_reason: 'policy', retry_count: 1 });
    expect(await spent(task_id)).toContain('"cost_usd": 0.3,');
    expect(JSON.parse((await spent(task_id)) ?? '')).toMatchObject({ cost_source: 'reported' });
  });

  it('counts what a lost attempt had told, and gives no other attempt when that was all', async () => {
    const { task_id, execution_id } = await engine.running(worker, { max_tokens: 50 });
    await beat(execution_id, { input_tokens: 50 });
    await engine.lose(execution_id);
    expect(await task(task_id)).toMatchObject({ status: 'failed', failure_reason: 'policy' });
    expect(JSON.parse((await spent(task_id)) ?? '')).toMatchObject({ input_tokens: 50 });
    const late = await progress(execution_id, { usage: { input_tokens: 99 }, checkpoint: { late: true } });
    expect([late.status, late.body['code']]).toEqual([409, 'execution/lease-lost']);
    expect((await worker.finish(execution_id, { outcome: 'completed', usage: { input_tokens: 99 } })).status).toBe(409);
    expect((await execution(execution_id))['usage']).toMatchObject({ input_tokens: 50 });
    const { rowCount } = await server.sql.query('select from execution_checkpoints where execution_id = $1', [
      execution_id,
    ]);
    expect(rowCount).toBe(0);
  });

  it('sums unlike costs to an estimate, and stops at the largest whole number', async () => {
    const { task_id, execution_id } = await engine.running(worker, { max_retries: 9 });
    const most = { input_tokens: 9007199254740991, cost_usd: 1, cost_source: 'reported' };
    await worker.finish(execution_id, { outcome: 'failed', usage: most });
    const second = await engine.claim(worker, task_id);
    await worker.finish(second, { outcome: 'failed', usage: { ...most, cost_source: 'subscription' } });
    const third = await engine.claim(worker, task_id);
    await worker.finish(third, { outcome: 'completed', usage: { output_tokens: 1 } });
    expect(JSON.parse((await spent(task_id)) ?? '')).toEqual({
      ...NOTHING,
      input_tokens: 9007199254740991,
      output_tokens: 1,
      cost_usd: 2,
      cost_source: 'estimated',
    });
  });

  it('is warned of once for each attempt, at four fifths', async () => {
    const { task_id, execution_id } = await engine.running(worker, { max_cost_usd: 10, max_retries: 9 });
    await progress(execution_id, { usage: { cost_usd: 7.999999 } });
    expect(await warnings(task_id)).toEqual([]);
    await Promise.all([8, 8.5, 9].map((cost_usd) => beat(execution_id, { cost_usd })));
    const [warning, ...others] = await warnings(task_id);
    expect(others).toEqual([]);
    expect(warning).toMatchObject({
      actor: { type: 'execution', id: execution_id },
      subject: { task_id, execution_id, worker_id: worker.id },
      data: { max_cost_usd: 10, max_tokens: null, state: 'near' },
    });
    await worker.finish(execution_id, { outcome: 'failed' });
    const second = await engine.claim(worker, task_id);
    await progress(second, { usage: { cost_usd: 0.5 } });
    await worker.finish(second, { outcome: 'completed' });
    expect(await warnings(task_id)).toHaveLength(2);
  });

  it('leaves the last word to whoever cancels', async () => {
    const { task_id, execution_id } = await engine.running(worker, { max_tokens: 1 });
    await ada.post(`/tasks/${task_id}/cancel`, { reason: 'not wanted' });
    await progress(execution_id, { usage: { input_tokens: 2 } });
    const { body } = await worker.finish(execution_id, { outcome: 'cancelled' });
    expect(body['execution']).toMatchObject({ status: 'cancelled' });
    expect(body['task']).toMatchObject({ status: 'cancelled', error_message: 'not wanted' });
  });

  it('and an attempt that completes at the same moment end one way', async () => {
    for (let round = 0; round < 30; round++) {
      const { task_id, execution_id } = await engine.running(worker, { max_tokens: 1 });
      const [said, done] = await Promise.all([
        beat(execution_id, { input_tokens: 2 }),
        worker.finish(execution_id, { outcome: 'completed', usage: { input_tokens: 2 } }),
      ]);
      expect([said.status, done.status]).toEqual([200, 200]);
      expect(await task(task_id)).toMatchObject({ status: 'completed' });
      expect(JSON.parse((await spent(task_id)) ?? '')).toMatchObject({ input_tokens: 2 });
    }
  });
});
