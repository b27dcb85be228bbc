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
