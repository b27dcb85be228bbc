import { BY_HAND, Engine } from './engine.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

const TOKEN = 'metrics-token-of-at-least-32-bytes';

/** The samples of a page: the value of each by its name and labels, as they are written. */
function samplesOf(page: string): Map<string, number> {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

describe('the page for Prometheus', () => {
  let server: TestApp;
  let ada: TestPerson;
  let engine: Engine;
  let worker: TestWorker;

  beforeAll(async () => {
    server = await startTestApp({ ...BY_HAND, METRICS_TOKEN: TOKEN });
    ada = await signInPerson(server);
    engine = new Engine(server, ada);
    worker = await registerWorker(server, { name: 'measured' });
    await registerWorker(server, { name: 'silent' });
  });
  afterAll(() => server.close());

  const read = async (headers: Record<string, string> = {}) => server.request.get('/metrics').set(headers);

  it('tells what was claimed, finished, lost, said too late, waits, and how workers are', async () => {
    const done = await engine.running(worker);
    await worker.finish(done.execution_id, { outcome: 'completed' });
    const failed = await engine.running(worker, { max_retries: 0 });
    await worker.finish(failed.execution_id, { outcome: 'failed', failure_reason: 'git' });
    const lost = await engine.running(worker, { max_retries: 0 });
    await engine.endGrace();
    await engine.lose(lost.execution_id);
    await worker.finish(lost.execution_id, { outcome: 'completed' });
    await engine.task({ priority: 'P0' });
    await engine.task();
    await engine.task({ agent_type: 'codegen' });
    await server.request.get('/api/v1/no-such-thing');

    const page = await read();
    expect([page.status, page.headers['content-type']]).toEqual([200, expect.stringContaining('text/plain')]);
    const samples = samplesOf(page.text);
    const expected: Record<string, number> = {
      'miyabi_claims_total{agent_type="note"}': 3,
      'miyabi_executions_finished_total{outcome="completed",reason=""}': 1,
      'miyabi_executions_finished_total{outcome="failed",reason="git"}': 1,
      'miyabi_leases_ended_total{cause="worker_lost"}': 1,
      miyabi_stale_writes_refused_total: 1,
      'miyabi_queue_depth{agent_type="note",priority="P0"}': 1,
      'miyabi_queue_depth{agent_type="note",priority="P2"}': 1,
      'miyabi_queue_depth{agent_type="codegen",priority="P2"}': 1,
      'miyabi_workers{health="healthy"}': 1,
      'miyabi_workers{health="unknown"}': 1,
      miyabi_database_up: 1,
      'miyabi_http_request_duration_seconds_count{method="POST",route="/api/v1/workers/:id/claim",status="200"}': 3,
      'miyabi_http_request_duration_seconds_count{method="GET",route="none",status="404"}': 1,
    };
    expect(Object.fromEntries(Object.keys(expected).map((name) => [name, samples.get(name)]))).toEqual(expected);
    for (const name of ['miyabi_queue_oldest_pending_seconds', 'miyabi_events_waiting', 'miyabi_events_lag_seconds'])
      expect(samples.get(name)).toBeGreaterThanOrEqual(0);
    expect(samples.get('miyabi_duty_last_success_timestamp_seconds{duty="lease-sweep"}')).toBeGreaterThan(1.7e9);
    expect(samples.get('miyabi_duty_duration_seconds_count{duty="lease-sweep",result="success"}')).toBeGreaterThan(1);
    expect(samples.get('miyabi_pool_connections{state="max"}')).toBe(server.database.pool.max);
  });

  it('is as promtool wants it: every metric has a help and a type, counters end in _total, no name is there twice', async () => {
    const { text } = await read();
    const heads = [...text.matchAll(/^# (HELP|TYPE) (\S+) (.*)$/gm)].map(([, kind, name = '', rest]) => ({
      kind,
      name,
      rest,
    }));
    const typed = heads.filter(({ kind }) => kind === 'TYPE').map(({ name }) => name);
    expect(new Set(typed).size).toBe(typed.length);
    expect(heads.filter(({ kind }) => kind === 'HELP').map(({ name }) => name)).toEqual(typed);
    for (const { name, rest } of heads.filter(({ kind }) => kind === 'TYPE')) {
      if (name.endsWith('_total')) expect({ name, rest }).toEqual({ name, rest: 'counter' });
      if (name.startsWith('miyabi_')) expect(rest === 'counter').toBe(name.endsWith('_total'));
    }
    for (const name of samplesOf(text).keys()) {
      const family = name.replace(/\{.*/, '').replace(/_(bucket|sum|count)$/, '');
      expect(typed.includes(family) || typed.includes(name.replace(/\{.*/, ''))).toBe(true);
    }
  });

  it('is for this machine, and elsewhere for who knows the token', async () => {
    const elsewhere = { 'X-Forwarded-For': '203.0.113.9' };
    expect((await read({ Authorization: 'Bearer wrong' })).status).toBe(200);
    expect((await read(elsewhere)).status).toBe(401);
    for (const token of ['wrong', ada.token, worker.token])
      expect((await read({ ...elsewhere, Authorization: `Bearer ${token}` })).status).toBe(401);
    expect((await read({ ...elsewhere, Authorization: `Bearer ${TOKEN}` })).status).toBe(200);
  });
});

it('without a token of its own the page is for this machine alone', async () => {
  const server = await startTestApp();
  try {
    const elsewhere = { Forwarded: 'for=203.0.113.9' };
    for (const token of ['', 'x'])
      expect(
        (await server.request.get('/metrics').set({ ...elsewhere, Authorization: `Bearer ${token}` })).status,
      ).toBe(401);
    expect((await server.request.get('/metrics')).status).toBe(200);
  } finally {
    await server.close();
  }
});
