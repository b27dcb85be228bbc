import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { eventually } from './eventually.js';
import { figure } from './figures.js';
import { head, RawConnection } from './raw-http.js';
import { FULL, PATIENCE_MS, size } from './scale.js';
import { ServerProcess } from './server-process.js';
import { IN_TIME, testEnvironment } from './test-app.js';
import { createDatabase, type TestDatabase } from './test-database.js';

const WAITING = 60;
const LOOKS = size({ full: 100, short: 3 });
const SLOW_SOCKETS = size({ full: 500, short: 200 });
const SERVED = size({ full: 200, short: 10 });
const ROUNDS = size({ full: 5, short: 1 });
/**
 * Promises, in milliseconds. Single times of a machine that does something else besides are printed; what is expected
 * at full size is the 95th percentile, and of rounds in turn the median of their ratios.
 */
const ANSWER_MS = size({ full: 5000, short: 30_000 });
const LIVENESS_MS = 100;
const HEADERS_MS = 15_000;
const BODY_MS = 30_000;

let database: TestDatabase;
let sql: pg.Client;
let server: ServerProcess;
let url: string;
let token: string;

beforeAll(async () => {
  database = await createDatabase();
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  // At full size with the limits that the product comes with.
  const limits = FULL ? {} : { HEADERS_TIMEOUT_SECONDS: '1', BODY_TIMEOUT_SECONDS: '1' };
  const pool = { DATABASE_POOL_MAX: '2', DATABASE_POOL_MIN: '0' };
  server = new ServerProcess(testEnvironment(database.url, { ...IN_TIME, ...pool, ...limits }));
  url = await server.url();
  const login = await call('POST', '/auth/mock', { github_id: 1, email: 'a@example.org' });
  token = String(login.body['access_token']);
}, PATIENCE_MS);
afterAll(async () => {
  await server.kill();
  await sql.end();
  await database.drop();
});

interface Timed {
  ms: number;
  status: number;
  retry_after: string | null;
  body: Record<string, unknown>;
}

/** What the answer was, and how long it took to its last byte. */
async function call(method: string, path: string, body?: object): Promise<Timed> {
  const began = performance.now();
  const answer = await fetch(`${url}/api/v1${path}`, {
    method,
    body: JSON.stringify(body),
    headers: { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) },
  });
  const json = (await answer.json()) as Timed['body'];
  const ms = performance.now() - began;
  return { ms, status: answer.status, retry_after: answer.headers.get('retry-after'), body: json };
}

const createTask = () => call('POST', '/tasks', { name: 'n', agent_type: 'note' });
const codeOf = (body: string | undefined) => (JSON.parse(body ?? '{}') as { code?: string }).code;
const share = (times: readonly number[], part: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * part)] ?? 0;
const median = (times: readonly number[]): number => share(times, 0.5);
const p99 = (times: readonly number[]): number => share(times, 0.99);

describe('an exhausted pool', () => {
  it(
    'lets nothing hang: each has its answer in time, the process says how it is, and recovers',
    async () => {
      await sql.query('begin');
      await sql.query('lock table tasks in access exclusive mode');
      const many = Promise.all(
        Array.from({ length: WAITING }, (_, at) => (at % 3 === 0 ? createTask() : call('GET', '/tasks'))),
      );
      const waiting = async () => ((await call('GET', '/health')).body as unknown as Health).database.waiting;
      await eventually('requests wait for a connection', async () => (await waiting()) > 0);
      const looks: number[] = [];
      while (looks.length < LOOKS) {
        const { status, ms } = await call('GET', '/health/live');
        expect(status).toBe(200);
        looks.push(ms);
      }
      expect((await call('GET', '/health/ready')).status).toBe(200);
      const health = (await call('GET', '/health')).body as unknown as Health;
      expect(health).toMatchObject({ status: 'degraded', database: { status: 'connected', max_connections: 2 } });
      const answers = await many;
      await sql.query('rollback');

      const kinds = answers.map(({ status, retry_after }) => `${String(status)} ${String(retry_after)}`);
      expect(new Set(kinds)).toEqual(new Set(['503 2']));
      const slowest = Math.max(...answers.map(({ ms }) => ms));
      figure(9, `pool of 2 exhausted by ${WAITING} requests: slowest answer`, `${slowest.toFixed(0)} ms`);
      const [usual, longest] = [median(looks), Math.max(...looks)].map((ms) => `${ms.toFixed(1)} ms`);
      figure(9, `pool of 2 exhausted: median / slowest of ${LOOKS} looks at liveness`, `${usual} / ${longest}`);
      expect(slowest).toBeLessThan(ANSWER_MS);
      if (FULL) expect(share(looks, 0.95)).toBeLessThan(LIVENESS_MS);
      await eventually('nobody waits any more', async () => (await waiting()) === 0);
      const after = await Promise.all(Array.from({ length: 20 }, () => call('GET', '/tasks')));
      expect(after.map(({ status }) => status)).toEqual(after.map(() => 200));
      expect((await call('GET', '/health')).body).toMatchObject({ status: 'ok' });
    },
    PATIENCE_MS,
  );
});

interface Health {
  database: { waiting: number };
}

describe('a slow client', () => {
  /** Sends a byte from time to time, for as long as the connection takes it. */
  const trickle = (connection: RawConnection, byte: string): NodeJS.Timeout =>
    setInterval(() => connection.send(byte), 50);

  it(
    'has a limited time for its headers, whether it is silent or says a little',
    async () => {
      const began = performance.now();
      const silent = await RawConnection.open(url);
      const slow = await RawConnection.open(url);
      const timer = trickle(slow.send('GET /api/v1/health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: '), 'a');
      const answer = await slow.answer();
      await Promise.all([slow.untilClosed(), silent.untilClosed()]);
      clearInterval(timer);
      const ms = performance.now() - began;
      figure(9, 'slow headers are over after', `${ms.toFixed(0)} ms`);
      expect([answer?.status, answer?.headers['content-type'], codeOf(answer?.body)]).toEqual([
        408,
        'application/problem+json',
        'request/too-slow',
      ]);
      expect(ms).toBeLessThan(HEADERS_MS);
    },
    PATIENCE_MS,
  );

  it(
    'has a limited time for its body, whether it stops or goes on slowly',
    async () => {
      const began = performance.now();
      const stalled = async (name: string, value: string): Promise<unknown[]> => {
        const connection = await RawConnection.open(url);
        const fields = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', [name]: value };
        connection.send(head('POST /api/v1/tasks', fields));
        const timer = name === 'Content-Length' ? trickle(connection, ' ') : undefined;
        const answer = await connection.answer();
        await connection.untilClosed();
        clearInterval(timer);
        return [answer?.status, codeOf(answer?.body)];
      };
      const answers = [stalled('Content-Length', '1000'), stalled('Transfer-Encoding', 'chunked')];
      expect(await Promise.all(answers)).toEqual(answers.map(() => [408, 'request/too-slow']));
      const ms = performance.now() - began;
      figure(9, 'slow bodies are over after', `${ms.toFixed(0)} ms`);
      expect(ms).toBeLessThan(BODY_MS);
    },
    PATIENCE_MS,
  );

  it(
    'does not keep others from being served',
    async () => {
      const serve = async (): Promise<number[]> => {
        const times: number[] = [];
        while (times.length < SERVED) {
          const { status, body, ms } = await call('GET', '/tasks');
          expect([status, body['code']]).toEqual([200, undefined]);
          times.push(ms);
        }
        return times;
      };
      await serve();
      const [alone, beside, ratios]: [number[], number[], number[]] = [[], [], []];
      for (let round = 0; round < ROUNDS; round += 1) {
        const before = await serve();
        const slow = await Promise.all(Array.from({ length: SLOW_SOCKETS }, () => RawConnection.open(url)));
        for (const connection of slow) connection.send('POST /api/v1/tasks HTTP/1.1\r\nHost: local');
        const during = await serve();
        ratios.push(p99(during) / p99(before));
        alone.push(...before);
        beside.push(...during);
        slow.forEach((connection) => connection.end());
      }
      const told = `${p99(beside).toFixed(1)} ms, alone ${p99(alone).toFixed(1)} ms`;
      figure(9, `p99 of a request beside ${SLOW_SOCKETS} slow sockets`, told);
      if (FULL) expect(median(ratios)).toBeLessThanOrEqual(2);
    },
    PATIENCE_MS,
  );
});
