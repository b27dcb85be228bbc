import { BY_HAND, Engine } from './engine.js';
import { eventually } from './eventually.js';
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
    const { rows } = await server.sql.query('select running from worker_liveness where worker_id = $1', [worker.id]);
    const { rowCount } = await server.sql.query('select from leases where worker_id = $1', [worker.id]);
    expect(rows).toEqual([{ running: rowCount }]);
    figure(null, 'ends that met a sweep, and were decided once', ROUNDS, 'of', ROUNDS);
  });

  it('are kept by heartbeats that touch no index', async () => {
    const ids: string[] = [];
    for (let at = 0; at < 10; at++) ids.push((await engine.running(worker)).execution_id);
    const figures = async () => {
      // Figures of a session are written down by it when it is idle, at the latest after a while.
      await server.sql.query('select pg_stat_force_next_flush()');
      await server.sql.query('select pg_stat_clear_snapshot()');
      const { rows } = await server.sql.query<{ updates: number; hot: number }>(
        `select n_tup_upd::integer as updates, n_tup_hot_upd::integer as hot from pg_stat_user_tables where relname = 'leases'`,
      );
      return rows[0] ?? { updates: 0, hot: 0 };
    };
    const before = await figures();
    for (let at = 1; at <= 10; at++)
      await worker.post(`/workers/${worker.id}/heartbeat`, {
        executions: ids.map((id) => ({ id, progress: at, message: 'Running the tests', usage: { input_tokens: at } })),
      });
    let after = before;
    await eventually('the updates are counted', async () => {
      after = await figures();
      return after.updates - before.updates >= 100;
    });
    const share = (after.hot - before.hot) / (after.updates - before.updates);
    process.stdout.write(`updates of leases in place: ${String(Math.round(share * 100))} %\n`);
    expect(share).toBeGreaterThan(0.9);
    for (const id of ids) await worker.finish(id, { outcome: 'completed' });
  });
});
