import { connect } from 'node:net';
import pg from 'pg';
import type { Environment } from '../src/config/load.js';
import { eventually } from './eventually.js';
import { figure } from './figures.js';
import { head, RawConnection } from './raw-http.js';
import { ServerProcess } from './server-process.js';
import { SocketClient } from './socket-client.js';
import { StreamClient } from './stream-client.js';
import { REGISTRATION_KEY, testEnvironment } from './test-app.js';
import { createDatabase, type TestDatabase } from './test-database.js';

/** A promise of the product, from the signal to the end of the process. */
const STOP_MS = 10_000;
const STREAMS = 50;

let database: TestDatabase;
let sql: pg.Client;
const processes: ServerProcess[] = [];

beforeAll(async () => {
  database = await createDatabase();
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
});
afterAll(async () => {
  await Promise.all(processes.map((one) => one.kill()));
  await sql.end();
  await database.drop();
});

function start(overrides: Environment = {}): ServerProcess {
  const server = new ServerProcess(testEnvironment(database.url, overrides));
  processes.push(server);
  return server;
}

interface Answered {
  status: number;
  body: Record<string, unknown>;
}

async function call(url: string, token: string | null, method: string, path: string, body?: object): Promise<Answered> {
  const answer = await fetch(`${url}/api/v1${path}`, {
    method,
    body: JSON.stringify(body),
    headers: {
      ...(token !== null && { Authorization: `Bearer ${token}` }),
      ...(body && { 'Content-Type': 'application/json' }),
    },
  });
  return { status: answer.status, body: (await answer.json()) as Answered['body'] };
}

const signIn = async (url: string): Promise<string> =>
  String((await call(url, null, 'POST', '/auth/mock', { github_id: 1, email: 'a@example.org' })).body['access_token']);

/** Requests that wait for a lock; other specs have their databases on the same server. */
const WAITING = `pg_locks where not granted
  and database = (select oid from pg_database where datname = current_database())`;

const count = async (query: string): Promise<number> =>
  (await sql.query<{ n: number }>(`select count(*)::int as n from ${query}`)).rows[0]?.n ?? 0;

/** Every request of a person waits for this table in the guard, those of workers do not. */
async function lockSessions(): Promise<() => Promise<unknown>> {
  await sql.query('begin');
  await sql.query('lock table sessions in access exclusive mode');
  return () => sql.query('rollback');
}

const refusesConnections = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });

/** With a key: those who look at it do not wait for the sessions. */
async function openStreams(url: string, token: string, count: number) {
  const key = await call(url, token, 'POST', '/api-keys', { name: 'reader', permissions: ['events.read'] });
  const secret = String(key.body['secret']);
  const each = Array.from({ length: count / 2 });
  const sockets = await Promise.all(each.map(() => SocketClient.signedIn(url, secret)));
  for (const socket of sockets) await socket.subscribe();
  return {
    sockets,
    streams: await Promise.all(each.map(() => StreamClient.open(url, '/events/stream', { token: secret }))),
  };
}

it('goes on SIGTERM with every request answered, waiting claims and streams at once, and says before that it is not ready', async () => {
  const server = start();
  const url = await server.url();
  const token = await signIn(url);
  const claims: Promise<Answered>[] = [];
  for (let at = 0; at < 5; at += 1) {
    const made = await call(url, REGISTRATION_KEY, 'POST', '/workers', { name: `w${String(at)}`, scope: 'instance' });
    const { worker, token: own } = made.body as { worker: { id: string }; token: string };
    claims.push(call(url, own, 'POST', `/workers/${worker.id}/claim`, { wait_seconds: 25 }));
  }
  await eventually(
    'every claim waits',
    async () => (await count('worker_liveness where last_heartbeat is not null')) === 5,
  );
  const idle = await Promise.all([0, 1, 2].map(() => RawConnection.open(url)));
  for (const connection of idle) await connection.send(head('GET /api/v1/health/live')).answer();
  const fresh = await RawConnection.open(url);
  const { streams, sockets } = await openStreams(url, token, STREAMS);
  const unlock = await lockSessions();
  // One after the other: requests that arrive together look their session up with one statement, and wait as one.
  const slow: Promise<Answered>[] = [];
  for (const ask of [
    ...[0, 1, 2, 3].map(() => () => call(url, token, 'GET', '/tasks')),
    () => call(url, token, 'POST', '/tasks', { name: 'in flight', agent_type: 'note' }),
  ]) {
    slow.push(ask());
    await eventually(
      `${String(slow.length)} requests wait for the table`,
      async () => (await count(WAITING)) === slow.length,
    );
  }

  const began = performance.now();
  server.signal('SIGTERM');
  // Not all of them: a connection that has said nothing is closed a second after the signal.
  await Promise.race(claims);
  const ready = await fresh.send(head('GET /api/v1/health/ready')).answer();
  expect([ready?.status, ready?.headers['connection'], ready?.body]).toEqual([503, 'close', '{"status":"stopping"}']);
  expect((await Promise.all(claims)).map(({ status, body }) => [status, body['executions']])).toEqual(
    claims.map(() => [200, []]),
  );
  await Promise.all(idle.map((connection) => connection.untilClosed()));
  await eventually('every stream is over', () => streams.every(({ closed }) => closed));
  expect(streams.filter(({ reason }) => reason === 'shutdown')).toHaveLength(streams.length);
  await Promise.all(sockets.map((socket) => socket.closes()));
  expect(sockets.map(({ code, messages }) => [code, messages.at(-1)])).toEqual(
    sockets.map(() => [1001, { type: 'end', reason: 'shutdown' }]),
  );
  expect(await refusesConnections(url)).toBe(true);
  server.signal('SIGTERM');
  server.signal('SIGINT');
  expect(server.running).toBe(true);
  await unlock();
  expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 201]);
  expect(await server.exit).toEqual({ code: 0, signal: null });
  const took = performance.now() - began;
  figure(
    10,
    `SIGTERM with ${String(STREAMS)} streams and 10 requests in flight`,
    '0 dropped, gone after',
    took.toFixed(0),
    'ms',
  );
  expect(took).toBeLessThan(STOP_MS);
  expect(await count(`tasks where name = 'in flight'`)).toBe(1);
});

it('does not wait for readers who take nothing, not even the last word', async () => {
  const server = start({ SHUTDOWN_SECONDS: '60' });
  const url = await server.url();
  const token = await signIn(url);
  const [socket, stream] = [
    await SocketClient.signedIn(url, token),
    await StreamClient.open(url, '/events/stream', { token }),
  ];
  const awake = await StreamClient.open(url, '/events/stream', { token });
  await socket.subscribe();
  socket.socket.pause();
  stream.pause();
  const { body } = await call(url, token, 'GET', '/auth/me');
  // More than the sockets of both sides hold.
  for (let at = 0; at < 60; at += 1)
    await sql.query(
      `insert into event_outbox (organization_id, type, actor, subject, data)
       select $1, 'task.updated', '{}', '{}', jsonb_build_object('text', repeat('x', 20000)) from generate_series(1, 20)`,
      [(body['organization'] as { id: string }).id],
    );
  await eventually('who takes events has them all', () => awake.events.length === 1200);
  const began = performance.now();
  server.signal('SIGTERM');
  expect(await server.exit).toEqual({ code: 0, signal: null });
  expect(performance.now() - began).toBeLessThan(STOP_MS);
  socket.cut();
  [stream, awake].forEach((one) => one.close());
});

it('does not wait longer than SHUTDOWN_SECONDS for requests that do not end, nor for silent connections', async () => {
  const server = start({ SHUTDOWN_SECONDS: '3', BODY_TIMEOUT_SECONDS: '60', HEADERS_TIMEOUT_SECONDS: '60' });
  const url = await server.url();
  const token = await signIn(url);
  const [silent, half, halfBody, stuck] = await Promise.all([0, 1, 2, 3].map(() => RawConnection.open(url)));
  const authorization = { Authorization: `Bearer ${token}` };
  half?.send('GET /api/v1/tasks HTTP/1.1\r\nHost: local');
  halfBody?.send(
    `${head('POST /api/v1/tasks', { ...authorization, 'Content-Type': 'application/json', 'Content-Length': 50 })}{"name"`,
  );
  const unlock = await lockSessions();
  stuck?.send(head('GET /api/v1/tasks', authorization));
  await eventually('a request waits for the table', async () => (await count(WAITING)) === 1);

  const began = performance.now();
  server.signal('SIGTERM');
  await silent?.untilClosed();
  const silentEnded = performance.now();
  await Promise.all([half, halfBody, stuck].map((connection) => connection?.untilClosed()));
  // The others have had the whole grace, two seconds more.
  expect(performance.now() - silentEnded).toBeGreaterThan(500);
  expect(await server.exit).toEqual({ code: 0, signal: null });
  expect(performance.now() - began).toBeLessThan(STOP_MS);
  await unlock();
});

it('goes when its supervisor is gone', async () => {
  const server = start();
  const connection = await RawConnection.open(await server.url());
  await connection.send(head('GET /api/v1/health/live')).answer();
  server.abandon();
  expect(await server.exit).toEqual({ code: 0, signal: null });
  await connection.untilClosed();
});
