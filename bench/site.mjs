// The product under measure: its own server as users start it, a person who is signed in, and registered workers.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { root } from '../scripts/root.mjs';

const MAIN = join(root, 'dist', 'src', 'main.js');

/**
 * @typedef {object} Site
 * @property {string} url
 * @property {number} pid
 * @property {string} token of the person
 * @property {{ id: string, token: string }[]} workers
 * @property {Record<string, string>} environment it was started with
 * @property {(method: string, path: string, body?: object, token?: string) => Promise<any>} call
 * @property {(ready: number) => Promise<void>} fill brings the number of ready tasks up to it
 * @property {() => Promise<void>} end
 */

/**
 * @param {{ node: string, database_url: string, workers?: number, extra?: Record<string, string> }} options
 * @returns {Promise<Site>}
 */
export async function startSite({ node, database_url, workers = 64, extra = {} }) {
  // Loaded late: it has to be built first.
  const { newKey } = await import('../dist/src/auth/keys.js');
  const key = newKey('myk_');
  const environment = {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    DATABASE_URL: database_url,
    DATABASE_POOL_MAX: '20',
    JWT_SECRET: randomBytes(32).toString('base64'),
    MOCK_LOGIN: 'on',
    WORKER_REGISTRATION_KEY: key,
    LOG_LEVEL: 'warn',
    ...extra,
  };
  const child = spawn(node, [MAIN], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const [{ listening }] = await Promise.race([
    once(child, 'message'),
    ended.then(() => Promise.reject(new Error('the server ended while it started'))),
  ]);
  const url = `http://127.0.0.1:${listening}`;
  const call = async (method, path, body, token = site.token) => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  /** @type {Site} */
  const site = {
    url,
    pid: child.pid,
    token: '',
    workers: [],
    environment,
    call,
    async fill(ready) {
      const { pending } = await call('GET', '/tasks/stats');
      for (let missing = ready - pending; missing > 0; missing -= 1000) {
        const tasks = Array.from({ length: Math.min(missing, 1000) }, (_, at) => ({
          name: `Task ${at}`,
          agent_type: 'note',
        }));
        await call('POST', '/tasks/bulk', { tasks });
      }
    },
    async end() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 12_000);
      await ended;
      clearTimeout(late);
    },
  };
  site.token = (await call('POST', '/auth/mock', { github_id: 1, email: 'bench@example.org' })).access_token;
  for (let at = 0; at < workers; at++) {
    const said = { name: `worker-${at}`, scope: 'instance', capacity: 256 };
    const { worker, token } = await call('POST', '/workers', said, key);
    site.workers.push({ id: worker.id, token });
  }
  return site;
}
