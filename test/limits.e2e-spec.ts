import { eventually } from './eventually.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { head, RawConnection } from './raw-http.js';
import { signIn } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

/** Every answer but a long poll comes within it, whatever the database does. */
const PROMISE_MS = 5000;
const MOST_CONNECTIONS = 10;

describe('a slow client', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startTestApp({ HEADERS_TIMEOUT_SECONDS: '0.4', BODY_TIMEOUT_SECONDS: '0.4' });
  });
  afterAll(() => server.close());

  /** Sends a byte from time to time, for as long as the connection takes it. */
  const trickle = (connection: RawConnection, byte: string): NodeJS.Timeout =>
    setInterval(() => connection.send(byte), 50);

  const codeOf = (body: string | undefined) => (JSON.parse(body ?? '{}') as { code?: string }).code;

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
    for (const length of [{ 'Content-Length': 1000 }, { 'Transfer-Encoding': 'chunked' }]) {
      const connection = await RawConnection.open(server.url);
      const fields = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', ...length };
      connection.send(head('POST /api/v1/tasks', fields));
      const timer = 'Content-Length' in length ? trickle(connection, ' ') : undefined;
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

describe('a locked table and an exhausted pool', () => {
  let server: TestApp;
  let ada: TestPerson;
  let worker: TestWorker;
  beforeAll(async () => {
    server = await startTestApp({ DATABASE_POOL_MAX: '2', DATABASE_POOL_MIN: '0' });
    ada = await signInPerson(server);
    worker = await registerWorker(server);
  });
  afterAll(() => server.close());

  interface Timed {
    ms: number;
    status: number;
    code: unknown;
    retry: string | null;
  }

  /** How long an answer took, and what it was. */
  async function timed(
    answer: Promise<{ status: number; body: Record<string, unknown>; headers?: unknown }>,
  ): Promise<Timed> {
    const began = performance.now();
    const { status, body } = await answer;
    return { ms: performance.now() - began, status, code: body['code'], retry: null };
  }

  /** Runs `work` while nobody else can read or write tasks. */
  async function whileTasksAreLocked(work: () => Promise<void>): Promise<void> {
    await server.sql.query('begin');
    await server.sql.query('lock table tasks in access exclusive mode');
    try {
      await work();
    } finally {
      await server.sql.query('rollback');
    }
  }

  it('cost a request at most five seconds, then it is a 503', async () => {
    const id = await ada.task();
    await whileTasksAreLocked(async () => {
      const requests = [
        () => ada.get(`/tasks/${id}`),
        () => ada.post('/tasks', { name: 'n', agent_type: 'note' }),
        () => ada.patch(`/tasks/${id}`, { name: 'm' }),
        () => ada.delete(`/tasks/${id}`),
        () => worker.post(`/workers/${worker.id}/claim`, {}),
      ];
      for (const request of requests) {
        const { ms, status, code } = await timed(request());
        expect([status, code]).toEqual([503, expect.stringMatching(/^(database\/unavailable|server\/too-slow)$/)]);
        expect(ms).toBeLessThan(PROMISE_MS);
      }
    });
    expect((await ada.get(`/tasks/${id}`)).status).toBe(200);
  });

  it('let nothing hang when many wait: each has its answer in time, the process says how it is, and recovers', async () => {
    await whileTasksAreLocked(async () => {
      const began = performance.now();
      const many = Promise.all(
        Array.from({ length: 60 }, (_, at) =>
          timed(at % 3 === 0 ? ada.post('/tasks', { name: 'n', agent_type: 'note' }) : ada.get('/tasks')),
        ),
      );
      await eventually('requests wait for a connection', () => server.database.pool.waiting > 0);
      const live = await timed(server.request.get('/api/v1/health/live').then((answer) => answer));
      expect([live.status, live.ms < 1000]).toEqual([200, true]);
      const health = (await server.request.get('/api/v1/health').expect(200)).body as {
        status: string;
        database: { status: string; waiting: number; max_connections: number };
      };
      expect([health.status, health.database.status, health.database.max_connections]).toEqual([
        'degraded',
        'connected',
        2,
      ]);
      expect(health.database.waiting).toBeGreaterThan(0);
      expect((await server.request.get('/api/v1/health/ready')).status).toBe(200);
      const answers = await many;
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
      const slowest = Math.max(...answers.map(({ ms }) => ms));
      process.stdout.write(`pool of 2 exhausted: 60 requests, slowest ${slowest.toFixed(0)} ms\n`);
      expect(slowest).toBeLessThan(PROMISE_MS);
      expect(performance.now() - began).toBeGreaterThan(0);
    });
    await eventually('nobody waits any more', () => server.database.pool.waiting === 0);
    const after = await Promise.all(Array.from({ length: 20 }, () => ada.get('/tasks')));
    expect(new Set(after.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await server.request.get('/api/v1/health')).body).toMatchObject({ status: 'ok' });
  });

  it('tell when to come back', async () => {
    await whileTasksAreLocked(async () => {
      const token = (await signIn(server)).access_token;
      const answer = await server.request.get('/api/v1/tasks').set('Authorization', `Bearer ${token}`);
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '2']);
    });
  });
});
