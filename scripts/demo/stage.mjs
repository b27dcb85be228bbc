// Where the day takes place: a database, a server, a repository, and a coordinator with its workers, each a process.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Owner, Stand } from '../stand.mjs';
import { startThrowaway } from '../postgres/throwaway.mjs';
import { endProcess, findProcess, hasEnded, identify, processesTagged } from '../processes.mjs';
import { root } from '../root.mjs';
import { makeRepository } from './repository.mjs';
import { smallDisk } from './small-disk.mjs';

export const WORKERS = 4;
const NAME = 'shop';
/** The last worker's disk, and how much of it has to be free for it to take something. */
const DISK_MIB = 48;
const LEAST_FREE_MIB = 16;
const PATIENCE_MS = 60_000;
const LOOK_MS = 50;
const REMEMBERED = 20_000;

/** What did not come about in time. */
export class NotSeen extends Error {}

export class Stage {
  /** In the environment of all that is started here, and of all that those start. */
  #tag = `DAY_OF_A_FLEET=${randomUUID()}`;
  #directory = mkdtempSync(join(tmpdir(), 'miyabi-demo-'));
  #database = null;
  #coordinator = null;
  #ended = null;
  /** @type {Stand} */
  server;
  /** @type {Owner} */
  person;
  /** Id of the repository. */
  repository = '';
  said = '';

  /** Where tasks wait for the stage; see tasks.mjs. */
  get gates() {
    return join(this.#directory, 'gates');
  }

  get mirror() {
    return join(this.server.mirrors, `${this.repository}.git`);
  }

  async open() {
    mkdirSync(this.gates);
    this.#database = await startThrowaway();
    this.server = new Stand({ databaseUrl: this.#database.url, directory: join(this.#directory, 'server') });
    await this.server.start();
    this.person = new Owner(this.server);
    await this.person.signIn();
    const path = join(this.server.repositories, NAME);
    makeRepository(path);
    const { id } = await this.person.post('/repositories', { local_path: path });
    this.repository = id;
    await this.until(
      'the repository is ready',
      async () => (await this.person.get(`/repositories/${id}`)).status === 'ready',
    );
    await this.#startCoordinator();
  }

  async #startCoordinator() {
    const { secret } = await this.person.post('/api-keys', { name: NAME, permissions: ['coordinators.register'] });
    const directory = join(this.#directory, 'coordinator');
    const last = join(directory, 'workers', String(WORKERS));
    mkdirSync(last, { recursive: true });
    const command = [process.execPath, join(root, 'bin', 'miyabi.mjs'), 'coordinator', '--workers', String(WORKERS)];
    const [program, ...args] = [...smallDisk(last, DISK_MIB), ...command];
    const [tag, value] = this.#tag.split('=');
    const child = spawn(program, args, {
      cwd: this.#directory,
      env: {
        PATH: process.env.PATH,
        TMPDIR: process.env.TMPDIR,
        HOME: this.#directory,
        MIYABI_TEST_RUN: process.env.MIYABI_TEST_RUN,
        [tag]: value,
        MIYABI_URL: this.server.url,
        MIYABI_KEY: secret,
        MIYABI_COORDINATOR_NAME: NAME,
        MIYABI_COORDINATOR_DIR: directory,
        MIYABI_CAPACITY: '1',
        MIYABI_AGENT_TYPES: 'script',
        AGENT_ISOLATION: 'none',
        ALLOW_ISOLATION_NONE: 'on',
        AGENT_ENV: `HOME,PATH,${tag}`,
        DISK_MIN_FREE: String(LEAST_FREE_MIB * 2 ** 20),
        TERM_GRACE_SECONDS: '1',
        INVENTORY_SECONDS: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (this.said = (this.said + chunk.toString('utf8')).slice(-REMEMBERED)));
    this.#coordinator = identify(child.pid);
    this.#ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
    await this.until(`${WORKERS} workers are healthy`, async () => {
      const workers = await this.workers();
      return workers.length === WORKERS && workers.every(({ health }) => health === 'healthy');
    });
  }

  /** The workers, by the number of each: `workers[3]` is the last one of four. */
  async workers() {
    const { items } = await this.person.get('/workers');
    return items.sort((one, other) => one.name.localeCompare(other.name));
  }

  /**
   * The directory of a worker as the coordinator sees it, which has disks that nobody else has.
   * @param {number} at place of the worker in `workers`
   */
  directoryOf(at) {
    const path = join(this.#directory, 'coordinator', 'workers', String(at + 1));
    return join('/proc', String(this.#coordinator.pid), 'root', path);
  }

  /** A worker's process, killed as a machine kills it that runs out of memory. */
  async killWorker(at) {
    const { pid } = JSON.parse(readFileSync(join(this.directoryOf(at), 'runner.lock'), 'utf8'));
    await endProcess(pid, { signals: ['SIGKILL'] });
  }

  letGo(name) {
    writeFileSync(join(this.gates, `${name}.go`), '');
  }

  /** Waits until the agent of a task is at a place: it has `began`, or it has `tried`. */
  sees(name, place) {
    return this.until(`${name} has ${place}`, () => existsSync(join(this.gates, `${name}.${place}`)));
  }

  /** Waits for a fact. Throws NotSeen. */
  async until(what, fact) {
    for (const until = Date.now() + PATIENCE_MS; ; await sleep(LOOK_MS)) {
      const found = await seen(fact);
      if (found) return found;
      if (Date.now() > until)
        throw new NotSeen(`${what}: not seen in ${PATIENCE_MS / 1000} s.\n${this.said}\n${this.server.said}`);
    }
  }

  /** Has the coordinator finish and end, as its host would. Answers its exit code, or the signal that ended it. */
  async stopCoordinator() {
    process.kill(this.#coordinator.pid, 'SIGTERM');
    if (!(await hasEnded(this.#coordinator, PATIENCE_MS))) throw new NotSeen(`the coordinator has ended\n${this.said}`);
    return this.#ended;
  }

  /** What lives of all that was started here and by those. */
  processes() {
    return processesTagged(this.#tag);
  }

  /** What is left below the directories of the workers of what they ran. */
  leftovers() {
    return Array.from({ length: WORKERS }, (_, at) => join(this.directoryOf(at), 'executions')).flatMap((path) =>
      existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [],
    );
  }

  async close() {
    if (this.#coordinator && findProcess(this.#coordinator.pid))
      await endProcess(this.#coordinator.pid, { waitMs: 10_000 });
    for (const { pid } of this.processes()) await endProcess(pid, { signals: ['SIGKILL'] });
    await this.server?.kill();
    await this.#database?.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** A server that is not there, or was a moment ago, tells nothing. */
async function seen(fact) {
  try {
    return await fact();
  } catch (error) {
    if (error instanceof TypeError && error.message === 'fetch failed') return null;
    throw error;
  }
}
