import { BY_HAND, Engine } from './engine.js';
import { figure } from './figures.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { size } from './scale.js';
import { startTestApp, type TestApp } from './test-app.js';

const ROUNDS = size({ full: 100, short: 15 });

describe('executions that several end at once', () => {
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

  const task = async (id: string) => (await ada.get(`/tasks/${id}`)).body;

  it('are decided once when they are finished in two ways at the same time', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { execution_id, task_id } = await engine.running(worker, { max_retries: 0 });
      const answers = await Promise.all(
        ['completed', 'failed', 'completed', 'failed'].map((outcome) => worker.finish(execution_id, { outcome })),
      );
      expect(answers.map((answer) => answer.status).sort()).toEqual([200, 200, 409, 409]);
      const won = answers.find((answer) => answer.status === 200)?.body['task'] as { status: string };
      expect((await task(task_id))['status']).toBe(won.status);
    }
    figure(null, 'ends told in two ways at once, and decided once', ROUNDS, 'of', ROUNDS);
  });

  it('are answered alike when they are finished twice at the same time', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { execution_id, task_id } = await engine.running(worker);
      const report = { outcome: 'failed', failure_reason: 'agent_error', usage: { input_tokens: 5, cost_usd: 0.1 } };
      const answers = await Promise.all([report, report, report].map((said) => worker.finish(execution_id, said)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      expect(new Set(answers.map(({ body }) => JSON.stringify([body['execution'], body['task']]))).size).toBe(1);
      const { rows } = await server.sql.query('select retry_count, attempts, usage from tasks where id = $1', [
        task_id,
      ]);
      expect(rows).toMatchObject([{ retry_count: 1, attempts: 1, usage: { input_tokens: 5, cost_usd: 0.1 } }]);
      await ada.post(`/tasks/${task_id}/cancel`, {});
    }
    figure(null, 'ends told three times at once, and answered alike', ROUNDS, 'of', ROUNDS);
  });

  it('end once when the sweep and their worker end them at the same time', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { execution_id, task_id } = await engine.running(worker, { max_retries: 0 });
      await engine.expire(execution_id);
      const [finished] = await Promise.all([worker.finish(execution_id, { outcome: 'completed' }), engine.sweep()]);
      const { status, failure_reason } = await task(task_id);
      expect([finished.status, status, failure_reason]).toEqual(
        finished.status === 200 ? [200, 'completed', null] : [409, 'failed', 'worker_lost'],
      );
      const { rows } = await server.sql.query(
        `select (select count(*)::integer from leases where task_id = $1) as leases,
                (select count(*)::integer from agent_executions where task_id = $1) as executions`,
        [task_id],
      );
      expect(rows).toEqual([{ leases: 0, executions: 1 }]);
    }
    figure(null, 'ends that met a sweep, and were decided once', ROUNDS, 'of', ROUNDS);
  });

  it('are kept by heartbeats that touch no index', async () => {
    const { execution_id: id } = await engine.running(worker);
    const lease = async () => {
      const { rows } = await server.sql.query<Record<string, unknown>>(
        'select to_jsonb(l) as lease from leases l where execution_id = $1',
        [id],
      );
      return rows[0]?.['lease'] as Record<string, unknown>;
    };
    const before = await lease();
    await worker.post(`/workers/${worker.id}/heartbeat`, {
      executions: [{ id, progress: 5, message: 'Running the tests', usage: { input_tokens: 7 } }],
    });
    const after = await lease();
    const written = Object.keys(after).filter((name) => JSON.stringify(after[name]) !== JSON.stringify(before[name]));
    expect(written).toEqual(expect.arrayContaining(['expires_at', 'progress', 'progress_message', 'usage']));
    // PostgreSQL rewrites a row in place when no index holds what changes, in columns or in its condition.
    const { rows: indexes } = await server.sql.query<{ definition: string }>(
      `select pg_get_indexdef(indexrelid) as definition from pg_index where indrelid = 'leases'::regclass`,
    );
    expect(indexes.length).toBeGreaterThan(0);
    const touched = indexes.filter(({ definition }) =>
      written.some((name) => new RegExp(`\\b${name}\\b`).test(definition)),
    );
    expect(touched).toEqual([]);
    await worker.finish(id, { outcome: 'completed' });
  });
});
