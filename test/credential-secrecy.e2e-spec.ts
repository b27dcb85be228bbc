import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { commitTo } from './bare-repository.js';
import { eventually } from './eventually.js';
import { figure } from './figures.js';
import { liveProcesses } from './git-processes.js';
import { PrivateHost } from './private-host.js';
import { PATIENCE_MS, size } from './scale.js';
import { git, GIT_ENVIRONMENT, Scratch } from './scratch-git.js';
import { ServerProcess } from './server-process.js';
import { testEnvironment } from './test-app.js';
import { createDatabase, type TestDatabase } from './test-database.js';
import { dumpOf, findSecrets, type Secret } from './verify-secrets.js';

const ROUNDS = size({ full: 20, short: 2 });

const scratch = new Scratch();
const authority = join(scratch.path, 'authority.pem');
let database: TestDatabase;
let sql: pg.Client;
let host: PrivateHost;
let server: ServerProcess;
let token: string;

beforeAll(async () => {
  host = await PrivateHost.open(scratch.directory('hosted'), authority);
  database = await createDatabase();
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  server = new ServerProcess(
    testEnvironment(database.url, {
      GIT_ROOT: scratch.directory('server/mirrors'),
      // What it and its children might leave anywhere.
      TMPDIR: scratch.directory('server/temporary'),
      HOME: scratch.directory('server/home'),
      PRIVATE_CLONE_ADDRESSES: 'on',
      TOKEN_ENCRYPTION_KEYS: `one:${randomBytes(32).toString('base64')}`,
      SSL_CERT_FILE: authority,
      LOG_LEVEL: 'trace',
      LOG_FORMAT: 'json',
    }),
  );
  token = String((await call('POST', '/auth/mock', { github_id: 1, email: 'ada@example.com' })).json['access_token']);
});
afterAll(async () => {
  host.close();
  await server.kill();
  await sql.end();
  await database.drop();
  scratch.remove();
});

/** What the API has answered so far. */
const answers: string[] = [];

async function call(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const answer = await fetch(`${await server.url()}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  answers.push(JSON.stringify([...answer.headers]), text);
  return { status: answer.status, json: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
}

/** A process with all that come from it. */
function familyOf(root: number): number[] {
  const processes = liveProcesses();
  const family = new Set([root]);
  for (let before = 0; before < family.size;) {
    before = family.size;
    for (const { id, parent } of processes) if (family.has(parent)) family.add(id);
  }
  return [...family];
}

/** What everybody with the same account may read of processes: their arguments and their environment. */
const shownBy = (ids: readonly number[]): string =>
  ids.flatMap((id) => ['cmdline', 'environ'].map((name) => textOf(`/proc/${String(id)}/${name}`))).join('\n');

/** The names and the contents of all files. */
function filesBelow(folder: string): string {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .map(
      (entry) =>
        join(entry.parentPath, entry.name) + (entry.isFile() ? textOf(join(entry.parentPath, entry.name)) : ''),
    )
    .join('\n');
}

/** Empty for what is gone. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** New credentials of a new repository at the host. */
function secrets(): { username: string; password: string; named: Secret[]; clone_url: string } {
  const [username, password] = [1, 2].map(() => randomBytes(24).toString('base64url')) as [string, string];
  const name = `${randomBytes(6).toString('hex')}.git`;
  commitTo(join(scratch.path, 'hosted', name), { 'private.txt': 'x' });
  const named = [
    { name: 'user name', text: username },
    { name: 'password', text: password },
    { name: 'both', text: Buffer.from(`${username}:${password}`).toString('base64') },
  ];
  return { username, password, named, clone_url: host.url(name) };
}

describe('the credentials of a fetch', () => {
  it(
    'are in no arguments, environment, file, table, log or answer, while it is under way and afterwards',
    async () => {
      const issued: Secret[] = [];
      const found: string[] = [];
      const looked = { processes: 0, gits: 0, bytes: 0 };
      const look = (what: string, text: string): void => {
        looked.bytes += text.length;
        found.push(...findSecrets(text, issued).map((name) => `${name} in ${what}`));
      };
      const lookAtAll = (): void => {
        const family = familyOf(server.id);
        looked.processes += family.length;
        looked.gits += liveProcesses().filter(
          ({ id, command }) => family.includes(id) && /\bgit\b/.test(command),
        ).length;
        look('a process', shownBy(family));
        look('a file', filesBelow(join(scratch.path, 'server')));
      };
      for (let round = 0; round < ROUNDS; round += 1) {
        const { username, password, named, clone_url } = secrets();
        issued.push(...named);
        host.accepted = { user: username, password };
        host.holding = true;
        const registered = await call(
          'POST',
          '/repositories',
          { clone_url, credentials: { username, password } },
          { 'idempotency-key': `round ${String(round)}` },
        );
        expect(registered.status).toBe(201);
        const id = String(registered.json['id']);
        const fetched = async (): Promise<boolean> =>
          (await call('GET', `/repositories/${id}`)).json['status'] === 'ready';
        // Git has them now. One request after the other is held, until the fetch is over.
        for (;;) {
          await eventually('a request is held or the fetch is over', async () => host.waiting.length > 0 || fetched());
          if (host.waiting.length === 0) break;
          lookAtAll();
          for (const go of host.waiting.splice(0)) go();
        }
        host.holding = false;
        lookAtAll();
        expect(git(join(scratch.path, `server/mirrors/${id}.git`), 'show', 'main:private.txt')).toBe('x');
        // A host that repeats what it refuses, and wrong input.
        host.accepted = null;
        await call('POST', `/repositories/${id}/sync`);
        await call('PUT', `/repositories/${id}/credentials`, { username, password: `${password}\n` });
        await call('POST', '/repositories', { clone_url, credentials: { username, password, token: password } });
        await call('POST', '/repositories', { clone_url: clone_url.replace('//', `//${username}:${password}@`) });
        await call('PUT', `/repositories/${id}/credentials`, { username, password });
        await call('DELETE', `/repositories/${id}/credentials`);
        lookAtAll();
      }
      for (const path of ['/repositories', '/audit-log', '/events']) await call('GET', path);
      const { tables, text } = await dumpOf(sql);
      server.signal('SIGTERM');
      await server.exit;
      const log = server.stdout + server.stderr;
      // What is searched must hold what happened, or finding nothing says nothing.
      expect(looked.gits).toBeGreaterThanOrEqual(2 * ROUNDS);
      expect(text).toContain('repository.credentials_set');
      expect(log).toContain('you are not [redacted] with [redacted]');
      look('the database', text);
      look('the log', log);
      look('the log of the database', textOf(process.env['TEST_DATABASE_LOG'] ?? ''));
      look('an answer', answers.join('\n'));
      figure(
        16,
        'credentials of fetches found in arguments, environments, files, tables, logs and answers',
        found.length,
        'of',
        issued.length,
        `(${String(looked.processes)} looks at processes, ${String(tables.length)} tables, ${String(Math.round(looked.bytes / 1024))} KiB)`,
      );
      expect(found).toEqual([]);
    },
    PATIENCE_MS,
  );

  it('control: where somebody has put them they are found', async () => {
    const { username, password, named } = secrets();
    const all = named.map(({ name }) => name);
    const address = `https://${username}:${password}@localhost:1/x.git`;
    const header = `Authorization: Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    const found: string[][] = [];
    for (const [args, variables] of [
      [[address], {}],
      [[], { GIT_CONFIG_VALUE_0: header }],
    ] as const) {
      const child = spawn('git', ['-c', 'alias.hang=!f() { echo; read line; }; f', 'hang', ...args], {
        env: { ...GIT_ENVIRONMENT, ...variables },
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      await once(child.stdout, 'data');
      found.push(findSecrets(shownBy(familyOf(child.pid ?? 0)), named));
      child.stdin.end();
      await once(child, 'exit');
    }
    expect(found).toEqual([['user name', 'password'], all]);
    writeFileSync(join(scratch.directory('server/mirrors/x.git'), 'config'), `[remote "origin"]\n\turl = ${address}\n`);
    found.push(findSecrets(filesBelow(join(scratch.path, 'server')), named));
    await sql.query('create table careless as select $1::text as url', [address]);
    found.push(findSecrets((await dumpOf(sql)).text, named));
    await sql.query('drop table careless');
    expect(found.slice(2)).toEqual([all.slice(0, 2), all.slice(0, 2)]);
    figure(
      16,
      'control: places of credentials that were put into arguments, environment, a file and a table',
      found.length,
    );
  });
});
