import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newKey, newRefreshToken } from '../src/auth/keys.js';
import { newId } from '../src/ids.js';
import { figure } from './figures.js';
import { PATIENCE_MS, size } from './scale.js';
import { Scratch } from './scratch-git.js';
import { ServerProcess } from './server-process.js';
import { testEnvironment } from './test-app.js';
import { createDatabase, type TestDatabase } from './test-database.js';
import type { TokenPair } from './sign-in.js';
import { dumpOf, findSecrets, type Secret } from './verify-secrets.js';
import { send, type Reply } from './verify-site.js';

const PEOPLE = size({ full: 50, short: 4 });
const JWT_SECRET = randomBytes(32).toString('base64');
const REGISTRATION_KEY = newKey('myk_');
/** A secret that was let into the log on purpose: as the id of a request, which is kept. */
const LET_IN = newRefreshToken();

const scratch = new Scratch();
const issued: Secret[] = [];
const statuses: number[] = [];
let database: TestDatabase;
let sql: pg.Client;
let server: ServerProcess;
let url: string;

beforeAll(async () => {
  database = await createDatabase();
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  server = new ServerProcess(
    testEnvironment(database.url, {
      JWT_SECRET,
      WORKER_REGISTRATION_KEY: REGISTRATION_KEY,
      LOG_LEVEL: 'trace',
      LOG_FORMAT: 'json',
      GIT_ROOT: scratch.directory('mirrors'),
      LOCAL_REPOSITORY_ROOTS: scratch.path,
      DATABASE_STATEMENT_TIMEOUT_MS: '200',
    }),
  );
  url = await server.url();
});
afterAll(async () => {
  await server.kill();
  await sql.end();
  await database.drop();
  scratch.remove();
});

const keep = (name: string, text: unknown, guessable = false): string => {
  if (typeof text !== 'string' || text.length < 8) throw new Error(`${name} was not given out: ${String(text)}`);
  issued.push({ name: `${name} ${String(issued.length)}`, text, guessable });
  return text;
};

const call = async (token: string | null, method: string, path: string, body?: unknown): Promise<Reply> => {
  const reply = await send({ url }, token, method, `/api/v1${path}`, body);
  statuses.push(reply.status);
  return reply;
};

/** A request as nobody should send it. */
const raw = async (path: string, init: RequestInit): Promise<number> => {
  const { status } = await fetch(url + path, init);
  statuses.push(status);
  return status;
};

/** Both tokens of an answer. */
function keepPair({ status, json, text }: Reply): TokenPair {
  if (status !== 200) throw new Error(`no tokens: ${String(status)} ${text}`);
  const pair = json as unknown as TokenPair;
  keep('access token', pair.access_token);
  keep('refresh token', pair.refresh_token);
  return pair;
}

const signIn = async (github_id: number): Promise<TokenPair> =>
  keepPair(await call(null, 'POST', '/auth/mock', { github_id, email: `p${String(github_id)}@example.com` }));

/** Signs in, refreshes, registers a worker, runs a task, uses Git, and signs out in the end. */
async function live(at: number): Promise<void> {
  const { refresh_token } = await signIn(at + 1);
  const pair = keepPair(await call(null, 'POST', '/auth/refresh', { refresh_token }));
  const { access_token } = pair;
  await call(access_token, 'GET', '/auth/me');
  const local_path = scratch.repository(newId());
  const repository = await call(access_token, 'POST', '/repositories', { local_path });
  const registered = await call(access_token, 'POST', '/workers', { name: `worker ${newId()}` });
  const { worker, token } = registered.json as { worker: { id: string }; token: string };
  keep('worker token', token);
  await call(access_token, 'POST', '/tasks', {
    name: 'Do it',
    agent_type: 'note',
    repository_id: repository.json['id'],
  });
  const claimed = await call(token, 'POST', `/workers/${worker.id}/claim`, {});
  const [grant] = claimed.json['executions'] as { execution: { id: string } }[];
  const basic = Buffer.from(`${String(grant?.execution.id)}:${token}`).toString('base64');
  const headers = { Authorization: `Basic ${basic}` };
  const advertised = await raw(`/git/${String(repository.json['id'])}.git/info/refs?service=git-upload-pack`, {
    headers,
  });
  if (advertised !== 200) throw new Error(`Git was answered with ${String(advertised)}`);
  await misplace(pair, token);
  if (at % 2 === 0) await call(access_token, 'POST', '/auth/logout', { everywhere: true });
  else await call(null, 'POST', '/auth/refresh', { refresh_token });
}

/** Tokens where they do not belong: each of these is refused, and must be forgotten. */
async function misplace({ access_token, refresh_token }: TokenPair, workerToken: string): Promise<void> {
  const json = { 'Content-Type': 'application/json' };
  for (const secret of [access_token, refresh_token, workerToken]) {
    const query = `/api/v1/tasks?access_token=${secret}&token=${secret}`;
    await raw(query, {});
    await raw(query, { headers: { Authorization: `Bearer ${access_token}` } });
    for (const scheme of ['Basic', 'Token', 'bearer bearer'])
      await raw('/api/v1/auth/me', { headers: { Authorization: `${scheme} ${secret}` } });
    await raw('/api/v1/auth/me', {
      headers: { Authorization: `Basic ${Buffer.from(`x:${secret}`).toString('base64')}` },
    });
    await raw('/api/v1/auth/me', { headers: { Authorization: `Bearer ${secret.slice(0, -1)}` } });
    await raw('/api/v1/auth/me', {
      headers: { Cookie: `token=${secret}; refresh_token=${secret}`, 'X-Api-Key': secret },
    });
    const bodies = [
      `{"refresh_token":"${secret}"`,
      `{"refresh_token":"${secret}","${secret}":1}`,
      `{"refresh_token":["${secret}"]}`,
      `{"refresh_token":"${secret}\\u0000"}`,
      `{"refresh_token":"${secret}","refresh_token":"${secret}"}`,
      `"${secret}"`,
    ];
    for (const body of bodies) await raw('/api/v1/auth/refresh', { method: 'POST', headers: json, body });
    const form = new URLSearchParams({ refresh_token: secret });
    await raw('/api/v1/auth/refresh', { method: 'POST', body: form });
    const headers = { ...json, Authorization: `Bearer ${access_token}` };
    const body = JSON.stringify({ name: 'x', agent_type: secret, [secret]: secret, access_token: secret });
    await raw('/api/v1/tasks', { method: 'POST', headers, body });
  }
  await call(null, 'POST', '/auth/refresh', { refresh_token: access_token });
  await call(null, 'POST', '/auth/refresh', { refresh_token: workerToken });
  await call(refresh_token, 'GET', '/auth/me');
}

/** Statements that fail while secrets are their parameters, and connections that end. */
async function disturb(at: number): Promise<void> {
  const { refresh_token } = await signIn(at);
  await sql.query('begin; lock table refresh_tokens, access_keys in access exclusive mode');
  await Promise.all([
    call(null, 'POST', '/auth/refresh', { refresh_token }),
    call(null, 'POST', '/auth/mock', { github_id: at, email: 'late@example.com' }),
    call(REGISTRATION_KEY, 'POST', '/workers', { name: 'late', scope: 'instance' }),
  ]);
  await sql.query('commit');
  await sql.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  await call(null, 'POST', '/auth/refresh', { refresh_token });
}

describe('every secret of a run', () => {
  it(
    'is in neither the database nor the logs',
    async () => {
      keep('JWT_SECRET', JWT_SECRET);
      keep('WORKER_REGISTRATION_KEY', REGISTRATION_KEY);
      keep('database password', new URL(database.url).password);
      for (let at = 0; at < PEOPLE; at += 1) await live(at);
      await disturb(999_000);
      await raw('/api/v1/auth/me', { headers: { 'X-Request-Id': LET_IN } });

      const { tables, text } = await dumpOf(sql);
      server.signal('SIGTERM');
      await server.exit;
      const log = server.stdout + server.stderr;
      const databaseLog = readFileSync(process.env['TEST_DATABASE_LOG'] ?? '', 'utf8');

      // What is searched must hold what happened, or finding nothing says nothing.
      expect(tables.length).toBeGreaterThan(15);
      expect(text).toContain('p1@example.com');
      expect(log.split('\n').length).toBeGreaterThan(statuses.length);
      expect(databaseLog).toContain('terminating connection');
      expect(statuses.filter((status) => status === 503).length).toBeGreaterThan(0);
      expect(statuses.filter((status) => status === 500)).toEqual([]);

      const found = {
        database: findSecrets(text, issued),
        log: findSecrets(log, issued),
        databaseLog: findSecrets(databaseLog, issued),
      };
      const amount = `${String(tables.length)} tables, ${String(Math.round(text.length / 1024))} KiB, and ${String(Math.round(log.length / 1024))} KiB of logs`;
      figure(
        16,
        'secrets found in a dump of the database and the logs',
        Object.values(found).flat().length,
        'of',
        issued.length,
        `(${amount})`,
      );
      expect(found).toEqual({ database: [], log: [], databaseLog: [] });

      const letIn: Secret[] = [{ name: 'let in', text: LET_IN }];
      expect(findSecrets(log, letIn)).toEqual(['let in']);
      figure(16, 'control: a secret let into the log on purpose', 'found');
    },
    PATIENCE_MS,
  );

  it.each<[string, string, (text: string) => unknown]>([
    ['as text', 'text', (text) => `given to ${text}.`],
    ['as bytes', 'bytea', (text) => Buffer.from(text)],
    ['in JSON', 'jsonb', (text) => JSON.stringify({ a: [{ b: text }] })],
    ['in hexadecimal', 'text', (text) => Buffer.from(text).toString('hex').toUpperCase()],
    ['as the password of Basic credentials', 'text', (text) => Buffer.from(`ab:${text}`).toString('base64')],
    ['without its prefix', 'text', (text) => text.slice(4)],
  ])('would be found if it were kept %s', async (_, type, form) => {
    const text = newRefreshToken();
    await sql.query(`create table planted (it ${type})`);
    await sql.query('insert into planted values ($1)', [form(text)]);
    const dump = await dumpOf(sql);
    await sql.query('drop table planted');
    expect(findSecrets(dump.text, [...issued, { name: 'planted', text }])).toEqual(['planted']);
  });

  it('would be found by its hash if it could be guessed', () => {
    const hash = 'c775e7b757ede630cd0aa1113bd102661ab38829ca52a6422ab782862f268646';
    expect(findSecrets(hash, [{ name: 'code', text: '1234567890', guessable: true }])).toEqual(['code']);
    expect(findSecrets(hash, [{ name: 'code', text: '1234567890' }])).toEqual([]);
  });
});
