import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { startPostgres, type PostgresServer } from '../scripts/postgres/server.mjs';
import { migrate } from '../src/database/migrate.js';
import { HintsService } from '../src/events/hints.service.js';
import { AnswerTimes } from './answer-times.js';
import { eventually } from './eventually.js';
import { FaultyNetwork } from './faulty-network.js';
import { registerWorker, type TestWorker } from './fleet.js';
import { signIn } from './sign-in.js';
import { IN_TIME, startTestApp, type TestApp } from './test-app.js';

/** Promises of the product, in milliseconds. */
const ANSWER_MS = 5000;
const HEALTH_MS = 2000;
const RECOVERY_MS = 5000;

interface Answered {
  status: number;
  retry_after: string | null;
  body: Record<string, unknown>;
}

let directory: string;
let postgres: PostgresServer;
let network: FaultyNetwork;
let server: TestApp;
let worker: TestWorker;
let token: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'database-loss-'));
  // Root runs the server as another account, which must be able to pass.
  chmodSync(directory, 0o711);
  postgres = await startPostgres({ dataDirectory: join(directory, 'data') });
  await migrate(postgres.url);
  const through = await FaultyNetwork.before(postgres.url);
  network = through.network;
  server = await startTestApp({ ...IN_TIME, DATABASE_URL: through.url, SWEEP_SECONDS: '0.3' });
  worker = await registerWorker(server);
  token = (await signIn(server)).access_token;
});
afterAll(async () => {
  // First: a connection that the network has forgotten would be waited for.
  network.close();
  await server.close();
  await postgres.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function call(method: string, path: string, body?: object, bearer = token): Promise<Answered> {
  const answer = await fetch(`${server.url}/api/v1${path}`, {
    method,
    body: JSON.stringify(body),
    headers: { Authorization: `Bearer ${bearer}`, ...(body && { 'Content-Type': 'application/json' }) },
  });
  const json = (await answer.json()) as Answered['body'];
  return {
    status: answer.status,
    retry_after: answer.headers.get('retry-after'),
    body: json,
  };
}

const createTask = () => call('POST', '/tasks', { name: 'n', agent_type: 'note' });

/** Asks the database itself, not through the application. */
async function ask<Row extends object>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    return (await client.query<Row>(sql, parameters)).rows;
  } finally {
    await client.end();
  }
}

/** What every route must be while the database cannot be reached, whichever way. */
async function expectUnreachable(): Promise<void> {
  const times = new AnswerTimes(server);
  const [health, live, ready, ...others] = await Promise.all([
    call('GET', '/health'),
    call('GET', '/health/live'),
    call('GET', '/health/ready'),
    call('GET', '/tasks'),
    createTask(),
    call('GET', '/auth/me'),
    call('POST', '/auth/mock', { github_id: 77, email: 'late@example.org' }),
    call('POST', `/workers/${worker.id}/heartbeat`, {}, worker.token),
    call('POST', `/workers/${worker.id}/claim`, {}, worker.token),
  ]);
  times.stop();
  expect([health.status, health.body]).toEqual([
    503,
    expect.objectContaining({
      status: 'down',
      database: expect.objectContaining({ status: 'unreachable', latency_ms: null }),
    }),
  ]);
  expect(times.slowest('/api/v1/health')).toBeLessThan(HEALTH_MS);
  expect([live.status, ready.status, ready.body]).toEqual([200, 503, { status: 'down' }]);
  expect(others.map(({ status, retry_after, body }) => [status, retry_after, body['code']])).toEqual(
    others.map(() => [503, '2', 'database/unavailable']),
  );
  expect(times.slowest()).toBeLessThan(ANSWER_MS);
}

async function expectRecovery(): Promise<void> {
  const began = performance.now();
  await eventually('the server is healthy again', async () => (await call('GET', '/health')).status === 200);
  expect(performance.now() - began).toBeLessThan(RECOVERY_MS);
}

/** Resolves when a hint of another process has come in. */
async function expectHints(): Promise<void> {
  let heard = false;
  const stop = server.app.get(HintsService).on('a-topic', () => (heard = true));
  await eventually('hints come in again', async () => {
    await ask("select pg_notify('miyabi_hints', 'a-topic')");
    return heard;
  });
  stop();
}

it('survives a database that dies: says so at once, and goes on by itself when it is back', async () => {
  const kept = await createTask();
  await worker.claim();
  process.kill(postgres.pid, 'SIGQUIT');
  await postgres.ended;
  await expectUnreachable();

  postgres = await startPostgres({ dataDirectory: join(directory, 'data'), port: postgres.port });
  await expectRecovery();
  expect((await call('GET', `/tasks/${String(kept.body['id'])}`)).status).toBe(200);

  await expectHints();
  const waiting = call('POST', `/workers/${worker.id}/claim`, { wait_seconds: 20 }, worker.token);
  const written = await createTask();
  expect(written.status).toBe(201);
  const given = (await waiting).body['executions'] as { task: { id: unknown } }[];
  expect(given.map(({ task }) => task.id)).toEqual([written.body['id']]);

  const lastSweep = async () =>
    (
      await ask<{ at: Date }>("select last_success_at as at from duty_runs where name = 'lease-sweep'")
    )[0]?.at.getTime() ?? 0;
  const before = await lastSweep();
  await eventually('the duties go on', async () => (await lastSweep()) > before);
});

it('answers as promised when the network swallows everything, and finds its way when it is back', async () => {
  // Connections that are idle then are dead without knowing.
  await Promise.all(Array.from({ length: 6 }, () => call('GET', '/tasks')));
  network.block();
  await expectUnreachable();
  await expectUnreachable();

  network.forget();
  await expectRecovery();
  await eventually('writes work again', async () => (await createTask()).status === 201);
  await expectHints();
});

it('lives on when a connection breaks in the moment in which it is given', async () => {
  const pool = (server.app.get(DataSource).driver as unknown as { master: pg.Pool }).master;
  // As a packet does that says both that the server is ready and that it goes: before anybody who awaits comes to run.
  pool.once('acquire', (client) => queueMicrotask(() => client.emit('error', new Error('cut by the test'))));
  const rows = await server.database.transaction(() => server.database.query('select 1 as one'));
  expect(rows).toEqual([{ one: 1 }]);
});
