// `npm run start:dev` in a clone, as seen from outside: started, stopped, killed, looked for.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { portState } from '../scripts/ports.mjs';
import { listProcesses, processesIn, processesTagged, sendSignal } from '../scripts/processes.mjs';

const INSTALL_AND_START_MS = 600_000;
const STOP_MS = 40_000;
// Agents that do not listen to SIGTERM have 10 s, and npm does not wait for us under every shell.
const GONE_WITHIN_MS = 20_000;
// What a machine needs to reach the registry; everything else of our environment stays out.
const PASSED_ON = /^(PATH|LANG|HTTPS?_PROXY|https?_proxy|NO_PROXY|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR))$/;

/** npm's directory of what it has downloaded. */
export const CACHE = npmConfig('cache');
const REGISTRY = npmConfig('registry');

export class System {
  #options;
  #tag = `MIYABI_CI_RUN=${randomBytes(6).toString('hex')}`;
  /** @type {import('node:child_process').ChildProcess | null} */
  #npm = null;
  /** @type {Promise<string>} */
  #ended = Promise.resolve('not started');

  /** @param {{ account: { uid: number, gid: number } | null, clone: string, home: string, port: number }} options */
  constructor(options) {
    this.#options = options;
  }

  get url() {
    return `http://127.0.0.1:${this.#options.port}`;
  }

  get #log() {
    return join(this.#options.home, 'start-dev.log');
  }

  /** @returns {Promise<number>} seconds until it was ready */
  async start() {
    // When a fact before this one failed, something may still run and would answer in its place.
    this.kill();
    const began = Date.now();
    const log = openSync(this.#log, 'w');
    const npm = spawn('npm', ['run', 'start:dev'], { ...this.#spawnOptions(), stdio: ['ignore', log, log] });
    closeSync(log);
    this.#npm = npm;
    let how = null;
    this.#ended = new Promise((resolve) => {
      npm.once('error', (error) => resolve(error.message));
      npm.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    void this.#ended.then((outcome) => (how = outcome));
    for (const deadline = Date.now() + INSTALL_AND_START_MS; Date.now() < deadline; await sleep(50)) {
      if (how !== null) throw new Error(`npm run start:dev ended (${how}):\n${this.#output()}`);
      if (await this.#isReady()) return (Date.now() - began) / 1000;
    }
    throw new Error(`not ready after ${INSTALL_AND_START_MS / 1000} s:\n${this.#output()}`);
  }

  /** SIGTERM to npm alone, as a process manager does. */
  async stop() {
    this.#npm?.kill('SIGTERM');
    const how = await Promise.race([this.#ended, sleep(STOP_MS, null, { ref: false })]);
    if (how === null) throw new Error(`npm still runs ${STOP_MS / 1000} s after SIGTERM:\n${this.#output()}`);
  }

  /** SIGKILL to everything at once. */
  kill() {
    // Twice: while the list is walked, somebody on it may have started somebody else.
    for (let round = 0; round < 2; round += 1) this.processes().forEach(({ pid }) => sendSignal(pid, 'SIGKILL'));
  }

  /** What belongs to this system, wherever it has gone: by environment, working directory or command line. */
  processes() {
    const base = dirname(this.#options.clone);
    const named = listProcesses().filter(({ command }) => command.includes(basename(base)));
    const all = [...processesTagged(this.#tag), ...processesIn(base), ...named];
    return [...new Map(all.map((found) => [found.pid, found])).values()].filter(({ pid }) => pid !== process.pid);
  }

  /** Throws when anything still runs or listens. */
  async assertGone() {
    const deadline = Date.now() + GONE_WITHIN_MS;
    while (this.processes().length > 0 && Date.now() < deadline) await sleep(100);
    const left = this.processes().map(({ pid, command }) => `\n  ${pid} ${command}`);
    if (left.length > 0) throw new Error(`still running:${left.join('')}\n${this.#output()}`);
    const { port: databasePort } = JSON.parse(
      readFileSync(join(this.#options.clone, '.miyabi', 'postgres', 'connection.json'), 'utf8'),
    );
    for (const port of [this.#options.port, databasePort]) {
      if ((await portState(port)) !== 'free') throw new Error(`port ${port} is still taken`);
    }
  }

  /** Throws unless it says that its workers have ended in order, or when it starts them again. */
  async assertWorkersRest() {
    const deadline = Date.now() + GONE_WITHIN_MS;
    while (!this.#output().includes('have ended as they were told to') && Date.now() < deadline) await sleep(100);
    const output = this.#output();
    if (!output.includes('have ended as they were told to') || output.includes('starting it again')) {
      throw new Error(`its workers do not rest:\n${output}`);
    }
  }

  /** Throws with what it says when it finds a fault. */
  doctor() {
    execFileSync('npm', ['run', 'doctor'], { ...this.#spawnOptions(), encoding: 'utf8' });
  }

  async #isReady() {
    try {
      const answer = await fetch(`${this.url}/api/v1/health/ready`, { signal: AbortSignal.timeout(1000) });
      return answer.status === 200;
    } catch {
      return false;
    }
  }

  #output() {
    return readFileSync(this.#log, 'utf8').slice(-6000);
  }

  #spawnOptions() {
    const { account, clone, home, port } = this.#options;
    const passed = Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED_ON.test(name)));
    const [tagName, tagValue] = this.#tag.split('=');
    return {
      cwd: clone,
      env: {
        ...passed,
        npm_config_cache: account ? join(home, '.npm') : CACHE,
        npm_config_registry: REGISTRY,
        HOME: home,
        PORT: String(port),
        [tagName]: tagValue,
      },
      ...(account ? { uid: account.uid, gid: account.gid } : {}),
    };
  }
}

/** @param {'cache' | 'registry'} name */
function npmConfig(name) {
  return execFileSync('npm', ['config', 'get', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
