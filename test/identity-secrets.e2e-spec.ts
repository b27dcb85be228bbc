import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newKey, newRefreshToken } from '../src/auth/keys.js';
import { figure } from './figures.js';
import { CLIENT_SECRET, GithubStandIn } from './github-stand-in.js';
import { PATIENCE_MS, size } from './scale.js';
import { Scratch } from './scratch-git.js';
import { ServerProcess } from './server-process.js';
import { NO_LIMITS, testEnvironment } from './test-app.js';
import { createDatabase, type TestDatabase } from './test-database.js';
import { SecretsInUse } from './secrets-in-use.js';
import { dumpOf, findSecrets, type Secret } from './verify-secrets.js';

const PEOPLE = size({ full: 50, short: 3 });
const PUBLIC_URL = 'https://miyabi.example.org';
const JWT_SECRET = randomBytes(32).toString('base64');
const TOKEN_ENCRYPTION_KEY = randomBytes(32).toString('base64');
const REGISTRATION_KEY = newKey('myk_');
/** Attempts are counted, so that the table of counts has something to tell. */
const COUNTED = '100000';
/** A secret that was let into the log on purpose: as the id of a request, which is kept. */
const LET_IN = newRefreshToken();

const scratch = new Scratch();
const github = new GithubStandIn();
let database: TestDatabase;
let sql: pg.Client;
let server: ServerProcess;
let run: SecretsInUse;

beforeAll(async () => {
  database = await createDatabase();
  await github.start();
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  server = new ServerProcess(
    testEnvironment(database.url, {
      ...github.environment,
      PUBLIC_URL,
      TOKEN_ENCRYPTION_KEYS: `one:${TOKEN_ENCRYPTION_KEY}`,
      JWT_SECRET,
      WORKER_REGISTRATION_KEY: REGISTRATION_KEY,
      LOG_LEVEL: 'trace',
      LOG_FORMAT: 'json',
      GIT_ROOT: scratch.directory('mirrors'),
      LOCAL_REPOSITORY_ROOTS: scratch.path,
      DATABASE_STATEMENT_TIMEOUT_MS: '1000',
      ...Object.fromEntries(Object.keys(NO_LIMITS).map((name) => [name, COUNTED])),
    }),
  );
  run = new SecretsInUse(await server.url(), PUBLIC_URL, github, scratch);
});
afterAll(async () => {
  await server.kill();
  await github.stop();
  await sql.end();
  await database.drop();
  scratch.remove();
});

/** Statements that fail while secrets are their parameters, and connections that end. */
async function disturb(at: number): Promise<void> {
  const { refresh_token } = await run.signIn(at);
  await sql.query('begin; lock table refresh_tokens, access_keys in access exclusive mode');
  await Promise.all([
    run.call(null, 'POST', '/auth/refresh', { refresh_token }),
    run.call(null, 'POST', '/auth/mock', { github_id: at, email: 'late@example.com' }),
    run.call(REGISTRATION_KEY, 'POST', '/workers', { name: 'late', scope: 'instance' }),
  ]);
  await sql.query('commit');
  await sql.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  await run.call(null, 'POST', '/auth/refresh', { refresh_token });
}

describe('every secret of a run', () => {
  it(
    'is in neither the database nor the logs',
    async () => {
      run.keep('JWT_SECRET', JWT_SECRET);
      run.keep('WORKER_REGISTRATION_KEY', REGISTRATION_KEY);
      run.keep('GITHUB_CLIENT_SECRET', CLIENT_SECRET);
      run.keep('TOKEN_ENCRYPTION_KEYS', TOKEN_ENCRYPTION_KEY);
      run.keep('database password', new URL(database.url).password);
      for (let at = 0; at < PEOPLE; at += 1) await run.live(at);
      await disturb(999_000);
      await run.raw('/api/v1/auth/me', { headers: { 'X-Request-Id': LET_IN } });

      const { tables, text } = await dumpOf(sql);
      server.signal('SIGTERM');
      await server.exit;
      const log = server.stdout + server.stderr;
      const databaseLog = readFileSync(process.env['TEST_DATABASE_LOG'] ?? '', 'utf8');

      // What is searched must hold what happened, or finding nothing says nothing.
      expect(tables.length).toBeGreaterThan(15);
      for (const known of ['p1@example.com', 'sign-in:address']) expect(text).toContain(known);
      expect(log.split('\n').length).toBeGreaterThan(run.statuses.length);
      expect(databaseLog).toContain('terminating connection');
      expect(run.statuses.filter((status) => status === 503).length).toBeGreaterThan(0);
      expect(run.statuses.filter((status) => status === 500)).toEqual([]);

      const found = {
        database: findSecrets(text, run.issued),
        log: findSecrets(log, run.issued),
        databaseLog: findSecrets(databaseLog, run.issued),
      };
      const amount = `${String(tables.length)} tables, ${String(Math.round(text.length / 1024))} KiB, and ${String(Math.round(log.length / 1024))} KiB of logs`;
      figure(
        16,
        'secrets found in a dump of the database and the logs',
        Object.values(found).flat().length,
        'of',
        run.issued.length,
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
    expect(findSecrets(dump.text, [{ name: 'planted', text }])).toEqual(['planted']);
  });

  it('would be found by its hash if it could be guessed', () => {
    const hash = 'c775e7b757ede630cd0aa1113bd102661ab38829ca52a6422ab782862f268646';
    expect(findSecrets(hash, [{ name: 'code', text: '1234567890', guessable: true }])).toEqual(['code']);
    expect(findSecrets(hash, [{ name: 'code', text: '1234567890' }])).toEqual([]);
  });
});
