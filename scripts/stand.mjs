// A real server for workers to be examined or shown with: a process of its own over a database of its own.
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { endProcess } from './processes.mjs';
import { root } from './root.mjs';

const REMEMBERED = 4000;
const MOST_TRIES = 30;
/** What must not be there twice when it is asked for again. */
const CREATING = ['/tasks', '/repositories'];

/** Figures that make an examination take seconds where a fleet takes minutes. */
export const HEARTBEAT_SECONDS = 1;

export class Stand {
  said = '';
  #settings;
  #child = null;
  #port = 0;

  /** @param {{ databaseUrl: string, directory: string }} settings `directory` is for mirrors and repositories */
  constructor({ databaseUrl, directory }) {
    this.databaseUrl = databaseUrl;
    this.repositories = join(directory, 'repositories');
    this.mirrors = join(directory, 'mirrors');
    mkdirSync(this.repositories, { recursive: true });
    mkdirSync(this.mirrors, { recursive: true });
    this.#settings = {
      PATH: process.env.PATH,
      TMPDIR: process.env.TMPDIR,
      MIYABI_TEST_RUN: process.env.MIYABI_TEST_RUN,
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      DATABASE_URL: databaseUrl,
      JWT_SECRET: randomBytes(32).toString('base64'),
      MOCK_LOGIN: 'on',
      SIGN_IN_LIMIT_PER_ADDRESS: '0',
      SIGN_IN_LIMIT_PER_ACCOUNT: '0',
      GIT_ROOT: this.mirrors,
      LOCAL_REPOSITORY_ROOTS: this.repositories,
      ALLOWED_HOSTS: '*',
      HEARTBEAT_SECONDS: String(HEARTBEAT_SECONDS),
      LEASE_SECONDS: '60',
      SWEEP_SECONDS: '0.2',
      WAIT_LOOK_SECONDS: '0.5',
      WORKER_WATCH_SECONDS: '0.5',
      RETRY_BASE_SECONDS: '0',
      LOG_LEVEL: 'warn',
    };
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts the server, again under the address it had. */
  async start() {
    const env = { ...this.#settings, PORT: String(this.#port) };
    // With a channel: should the examiner die, the server notices and ends.
    const options = { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] };
    const child = spawn(process.execPath, [join(root, 'dist', 'src', 'main.js')], options);
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (this.said = (this.said + chunk.toString('utf8')).slice(-REMEMBERED)));
    const listening = once(child, 'message').then(([message]) => message.listening);
    const ended = once(child, 'exit').then(() => Promise.reject(new Error(`The server has ended:\n${this.said}`)));
    ended.catch(() => undefined);
    this.#port = await Promise.race([listening, ended]);
  }

  /** A power cut. */
  async kill() {
    if (this.#child?.pid) await endProcess(this.#child.pid, { signals: ['SIGKILL'] });
  }

  /** Changes what only the server itself would change. */
  async sql(text, parameters) {
    const client = new pg.Client({ connectionString: this.databaseUrl });
    await client.connect();
    try {
      return (await client.query(text, parameters)).rows;
    } finally {
      await client.end();
    }
  }
}

/** Somebody with an organization of their own, who gives workers their tasks. */
export class Owner {
  #url;
  #token = '';

  /** @param {Stand} stand */
  constructor(stand) {
    this.#url = () => stand.url;
  }

  async signIn() {
    const github_id = 1 + Math.floor(Math.random() * 2 ** 40);
    const { access_token } = await this.post('/auth/mock', { github_id, email: `owner${github_id}@example.com` });
    this.#token = access_token;
  }

  /** A key with which workers register, and nothing else can be done. */
  async key() {
    return (await this.post('/api-keys', { name: 'examination', permissions: ['workers.register'] })).secret;
  }

  get(path) {
    return this.#ask('GET', path);
  }

  post(path, body = {}) {
    return this.#ask('POST', path, body);
  }

  patch(path, body) {
    return this.#ask('PATCH', path, body);
  }

  delete(path) {
    return this.#ask('DELETE', path);
  }

  /** A machine that does everything else as well may be too slow for its own server: then it is asked again. */
  async #ask(method, path, body) {
    const headers = {
      ...(this.#token && { Authorization: `Bearer ${this.#token}` }),
      ...(body && { 'Content-Type': 'application/json' }),
      ...(CREATING.includes(path) && { 'Idempotency-Key': randomUUID() }),
    };
    const ask = () =>
      fetch(`${this.#url()}/api/v1${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    let answer = await ask();
    let tries = 0;
    for (; answer.status === 503 && tries < MOST_TRIES; tries += 1) {
      await answer.text();
      await sleep(Number(answer.headers.get('retry-after') ?? 1) * 1000);
      answer = await ask();
    }
    const text = await answer.text();
    // What was too slow to be answered may have been done all the same.
    const { repository_id } = answer.status === 409 && tries > 0 ? JSON.parse(text) : {};
    if (repository_id !== undefined) return this.get(`/repositories/${repository_id}`);
    if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status} ${text}`);
    return text === '' ? {} : JSON.parse(text);
  }
}
