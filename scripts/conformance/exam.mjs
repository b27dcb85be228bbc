// One worker under examination: what it is given, what it said, and what is still to be waited for.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listProcesses } from '../processes.mjs';
import { Owner } from '../stand.mjs';
import { Recorder } from './recorder.mjs';
import { Subject } from './subject.mjs';
import { granted, wordsOf } from './words.mjs';

const LOOK_MS = 50;
const WATCHED_MS = 1500;
const FINAL = ['completed', 'failed', 'cancelled', 'skipped'];

/** What the worker did not do in time. */
export class NotSeen extends Error {}

export class Exam {
  /** @type {Recorder} */
  recorder;
  /** @type {Owner} */
  owner;
  /** @type {Subject} */
  subject;
  /** Times in which nobody could have been heard, or was to be: `[from, to]`. */
  silences = [];
  #stand;
  #patienceMs;
  #watchMs;

  /**
   * @param {import('../stand.mjs').Stand} stand
   * @param {{ directory: string, patienceSeconds: number, watchSeconds: number, shared: boolean, cwd?: string }} options
   */
  constructor(stand, { directory, patienceSeconds, watchSeconds, shared, cwd = directory }) {
    this.#stand = stand;
    this.#patienceMs = patienceSeconds * 1000;
    this.#watchMs = watchSeconds * 1000;
    this.directory = directory;
    this.isShared = shared;
    this.cwd = cwd;
  }

  get stand() {
    return this.#stand;
  }

  /** @param {string[]} command that starts the worker */
  async begin(command, variables = {}) {
    this.owner = new Owner(this.#stand);
    await this.owner.signIn();
    this.recorder = new Recorder(this.#stand.url);
    await this.recorder.listen();
    const home = join(this.directory, 'home');
    mkdirSync(home, { recursive: true });
    const env = {
      ...process.env,
      HOME: home,
      MIYABI_URL: this.recorder.url,
      MIYABI_KEY: await this.owner.key(),
      MIYABI_WORKER_NAME: 'examined',
      MIYABI_WORKER_DIR: join(this.directory, 'worker'),
      MIYABI_CAPACITY: '1',
      ...variables,
    };
    this.key = env.MIYABI_KEY;
    this.subject = new Subject(command, env, this.cwd);
  }

  async end() {
    await this.subject?.kill();
    this.recorder?.close();
  }

  get words() {
    return wordsOf(this.recorder.calls);
  }

  /** Waits for a fact. Throws NotSeen with the reason. */
  async until(fact, otherwise, milliseconds = this.#patienceMs) {
    for (const until = Date.now() + milliseconds; ; await sleep(LOOK_MS)) {
      const found = await fact();
      if (found) return found;
      if (this.subject.end !== null && !this.mayEnd)
        throw new NotSeen(`${otherwise}: the worker has ended (${this.subject.end}). It said:\n${this.subject.said}`);
      if (Date.now() > until) throw new NotSeen(otherwise);
    }
  }

  /** Whether something wrong shows itself while it is watched. */
  async seen(wrong, milliseconds = WATCHED_MS) {
    for (const until = Date.now() + Math.max(milliseconds, this.#watchMs); Date.now() < until; await sleep(LOOK_MS))
      if (wrong()) return true;
    return false;
  }

  /** Creates a task that runs a shell script; gives its id. */
  async give(script, { mark = 'examined', ...fields } = {}) {
    const metadata = { command: ['sh', '-c', script, mark] };
    const task = { name: 'Examine', agent_type: 'script', max_retries: 0, priority: 'P1', metadata, ...fields };
    return (await this.owner.post('/tasks', task)).id;
  }

  /** A script that runs until it is ended, and the mark by which its processes are found. */
  endless() {
    const mark = String(600_000_000 + Math.floor(Math.random() * 99_999_999));
    return { mark, script: `echo started; sleep ${mark} & wait` };
  }

  /** The execution of the task, once the worker was told of it. */
  async execution(taskId) {
    const found = await this.until(
      () => granted(this.words).find(({ task }) => task.id === taskId),
      'it did not claim a task that was there for it',
    );
    return found.execution.id;
  }

  /** Resolves when the server has this line of the execution's log. */
  async said(executionId, line) {
    await this.until(
      async () => (await this.log(executionId)).includes(line),
      `the line ${JSON.stringify(line)} of a command did not arrive in its log`,
    );
  }

  /** What was stored of the log, line by line. */
  async log(executionId) {
    const { items } = await this.owner.get(`/executions/${executionId}/logs?limit=1000`);
    return items.map(({ message }) => message);
  }

  /** The task, once it has ended. */
  async ended(taskId) {
    const end = async () => {
      const task = await this.owner.get(`/tasks/${taskId}`).catch(() => null);
      return task !== null && FINAL.includes(task.status) && task;
    };
    return this.until(end, 'a task did not come to its end');
  }

  /** Processes with the mark in their arguments, whatever account or namespace they are in. */
  alive(mark) {
    return listProcesses().filter(({ command }) => command.includes(mark));
  }

  /** Takes an execution from its worker, as when its time is over. */
  async takeAway(executionId) {
    const isOver = async () => {
      await this.#stand.sql(`update leases set deadline_at = now() - interval '1 hour' where execution_id = $1`, [
        executionId,
      ]);
      const { status } = await this.owner.get(`/executions/${executionId}`);
      return status !== 'running';
    };
    await this.until(isOver, 'an execution could not be taken away');
  }

  /** What is left running of a worker that did not do what it should. */
  async clear(mark) {
    for (const { pid } of this.alive(mark)) process.kill(pid, 'SIGKILL');
  }

  pause(milliseconds) {
    return sleep(milliseconds);
  }
}
