import pg from 'pg';
import { DatabaseConfig } from '../src/config/database.config.js';
import { AnswerTimes } from './answer-times.js';
import { eventually } from './eventually.js';
import { registerWorker, type TestWorker } from './fleet.js';
import { head, RawConnection, type RawAnswer } from './raw-http.js';
import { signIn } from './sign-in.js';
import { IN_TIME, startTestApp, type TestApp } from './test-app.js';

/** Every answer but a long poll comes within it, whatever the database does. */
const PROMISE_MS = 5000;
const MOST_CONNECTIONS = 10;

describe('a slow client', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startTestApp({ HEADERS_TIMEOUT_SECONDS: '1', BODY_TIMEOUT_SECONDS: '1' });
  });
  afterAll(() => server.close());

  /** Sends a byte from time to time, for as long as the connection takes it. */
  const trickle = (connection: RawConnection, byte: string): NodeJS.Timeout =>
    setInterval(() => connection.send(byte), 50);

  it('has a limited time for its headers, whether it is silent or says a little', async () => {
    const silent = await RawConnection.open(server.url);
    const slow = await RawConnection.open(server.url);
    const timer = trickle(slow.send('GET /api/v1/health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: '), 'a');
    const answer = await slow.answer();
    await Promise.all([slow.untilClosed(), silent.untilClosed()]);
    clearInterval(timer);
    expect([answer?.status, answer?.headers['content-type'], codeOf(answer?.body)]).toEqual([
      408,
      'application/problem+json',
      'request/too-slow',
    ]);
  });

  it('has a limited time for its body, whether it stops or goes on slowly', async () => {
    const token = (await signIn(server)).access_token;
    for (const [name, value] of [
      ['Content-Length', '1000'],
      ['Transfer-Encoding', 'chunked'],
    ] as const) {
      const connection = await RawConnection.open(server.url);
      const fields = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', [name]: value };
      connection.send(head('POST /api/v1/tasks', fields));
      const timer = name === 'Content-Length' ? trickle(connection, ' ') : undefined;
      const answer = await connection.answer();
      await connection.untilClosed();
      clearInterval(timer);
      expect([answer?.status, codeOf(answer?.body)]).toEqual([408, 'request/too-slow']);
    }
  });

  it('does not keep others from being served', async () => {
    const slow = await Promise.all(Array.from({ length: 200 }, () => RawConnection.open(server.url)));
    for (const connection of slow) connection.send('POST /api/v1/tasks HTTP/1.1\r\nHost: local');
    expect((await server.request.get('/api/v1/health')).status).toBe(200);
    await Promise.all(slow.map((connection) => connection.untilClosed()));
  });
});

describe('connections', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startTestApp({ MAX_CONNECTIONS: String(MOST_CONNECTIONS) });
  });
  afterAll(() => server.close());

  const served = async (connection: RawConnection): Promise<number | null> =>
    (await connection.send(head('GET /api/v1/health/live')).answer())?.status ?? null;

  it('beyond the limit are closed, and taken again when there is room', async () => {
    const open: RawConnection[] = [];
    while (open.length < MOST_CONNECTIONS) open.push(await RawConnection.open(server.url));
    expect(await Promise.all(open.map(served))).toEqual(open.map(() => 200));
    const oneMore = await RawConnection.open(server.url);
    expect(await served(oneMore)).toBeNull();
    open.pop()?.end();
    await eventually(
      'a connection is taken again',
      async () => (await served(await RawConnection.open(server.url))) === 200,
    );
    open.forEach((connection) => connection.end());
  });
});

interface Said {
  status: number;
  code: string | undefined;
  retry_after: string | null;
}

describe('a locked table', () => {
  let server: TestApp;
  /** Cancels statements long before the server's own deadline, so that the one cannot be taken for the other. */
  let hasty: TestApp;
  let worker: TestWorker;
  let token: string;
  beforeAll(async () => {
    server = await startTestApp(IN_TIME);
    hasty = await startTestApp({ ...IN_TIME, DATABASE_STATEMENT_TIMEOUT_MS: '1500' }, server);
    worker = await registerWorker(server);
    token = (await signIn(server)).access_token;
  });
  afterAll(async () => {
    await hasty.close();
    await server.close();
  });

  it('costs every request behind it at most five seconds, then it is a 503', async () => {
    const { id } = (await (await call(server, token, 'POST', '/tasks', NOTE)).json()) as { id: string };
    const times = new AnswerTimes(hasty);
    const answers = await whileLocked(server.sql, 'tasks', () =>
      Promise.all([
        said(call(hasty, token, 'GET', `/tasks/${id}`)),
        said(call(hasty, token, 'POST', '/tasks', NOTE)),
        said(call(hasty, token, 'PATCH', `/tasks/${id}`, { name: 'm' })),
        said(call(hasty, token, 'DELETE', `/tasks/${id}`)),
        said(call(hasty, worker.token, 'POST', `/workers/${worker.id}/claim`, {})),
      ]),
    );
    times.stop();
    expect(answers.map(({ status, code, retry_after }) => [status, code, retry_after])).toEqual(
      answers.map(() => [503, 'database/unavailable', '2']),
    );
    expect(times.slowest()).toBeLessThan(PROMISE_MS);
    // The usual limit keeps the promise as well.
    expect(server.app.get(DatabaseConfig).statement_timeout_ms).toBeLessThan(PROMISE_MS);
    expect((await call(server, token, 'GET', `/tasks/${id}`)).status).toBe(200);
  });

  it('is not waited for again when the guard has waited for another, and the connection serves on', async () => {
    const connection = await RawConnection.open(server.url);
    const request = head('GET /api/v1/tasks', { Authorization: `Bearer ${token}` });
    const other = await secondConnection(server.databaseUrl);
    const times = new AnswerTimes(server);
    const late = await whileLocked(server.sql, 'tasks', async () => {
      let answered: Promise<RawAnswer | null> = Promise.resolve(null);
      await whileLocked(other, 'sessions', async () => {
        const began = performance.now();
        answered = connection.send(request).answer();
        await eventually('the guard has waited', () => performance.now() - began > 2500);
      });
      return await answered;
    });
    times.stop();
    expect(times.slowest()).toBeLessThan(PROMISE_MS);
    expect([late?.status, late?.headers['retry-after'], codeOf(late?.body)]).toEqual([503, '2', 'server/too-slow']);
    await eventually('what came too late is over', () => server.database.pool.active === 0);
    expect((await connection.send(request).answer())?.status).toBe(200);
    connection.end();
    await other.end();
  });
});

describe('an exhausted pool', () => {
  let server: TestApp;
  let token: string;
  beforeAll(async () => {
    server = await startTestApp({ ...IN_TIME, DATABASE_POOL_MAX: '2', DATABASE_POOL_MIN: '0' });
    token = (await signIn(server)).access_token;
  });
  afterAll(() => server.close());

  it('lets nothing hang: each has its answer in time, the process says how it is, and recovers', async () => {
    const times = new AnswerTimes(server);
    const answers = await whileLocked(server.sql, 'tasks', async () => {
      const many = Promise.all(
        Array.from({ length: 60 }, (_, at) =>
          said(at % 3 === 0 ? call(server, token, 'POST', '/tasks', NOTE) : call(server, token, 'GET', '/tasks')),
        ),
      );
      await eventually('requests wait for a connection', () => server.database.pool.waiting > 0);
      expect((await said(call(server, token, 'GET', '/health/live'))).status).toBe(200);
      expect((await call(server, token, 'GET', '/health/ready')).status).toBe(200);
      const health = (await (await call(server, token, 'GET', '/health')).json()) as Health;
      expect(health).toMatchObject({ status: 'degraded', database: { status: 'connected', max_connections: 2 } });
      expect(health.database.waiting).toBeGreaterThan(0);
      return many;
    });
    times.stop();
    expect(new Set(answers.map(({ status, retry_after }) => `${String(status)} ${String(retry_after)}`))).toEqual(
      new Set(['503 2']),
    );
    const slowest = times.slowest();
    process.stdout.write(`pool of 2 exhausted: 60 requests, the slowest answer after ${slowest.toFixed(0)} ms\n`);
    expect(slowest).toBeLessThan(PROMISE_MS);
    await eventually('nobody waits any more', () => server.database.pool.waiting === 0);
    const after = await Promise.all(Array.from({ length: 20 }, () => call(server, token, 'GET', '/tasks')));
    expect(after.map(({ status }) => status)).toEqual(after.map(() => 200));
    expect(await (await call(server, token, 'GET', '/health')).json()).toMatchObject({ status: 'ok' });
  });
});

interface Health {
  database: { waiting: number };
}

const NOTE = { name: 'n', agent_type: 'note' };

const codeOf = (body: string | undefined) => (JSON.parse(body ?? '{}') as { code?: string }).code;

const call = (server: TestApp, token: string, method: string, path: string, body?: object): Promise<Response> =>
  fetch(`${server.url}/api/v1${path}`, {
    method,
    body: JSON.stringify(body),
    headers: { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) },
  });

async function said(request: Promise<Response>): Promise<Said> {
  const answer = await request;
  const code = codeOf(await answer.text());
  return { status: answer.status, code, retry_after: answer.headers.get('retry-after') };
}

/** One more connection of the test's own. It ends with the database, also when the test fails before. */
async function secondConnection(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Does `work` while nobody else can read or write the table. */
async function whileLocked<T>(sql: pg.Client, table: string, work: () => Promise<T>): Promise<T> {
  await sql.query('begin');
  await sql.query(`lock table ${table} in access exclusive mode`);
  try {
    return await work();
  } finally {
    await sql.query('rollback');
  }
}
