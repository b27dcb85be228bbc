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
/** After answers were late, or there was nobody, heartbeats may take so long to be as they were. */
export const SETTLING_MS = 3000;
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
  /** How often the worker was started. */
  starts = 0;
  #stand;
  #command;
  #env;
  #startedAt = 0;
  patienceMs;
  #watchMs;

  /**
   * @param {import('../stand.mjs').Stand} stand
   * @param {{ directory: string, patienceSeconds: number, watchSeconds: number, shared: boolean, channel: boolean, cwd?: string }} options
   */
  constructor(stand, { directory, patienceSeconds, watchSeconds, shared, channel, cwd = directory }) {
    this.#stand = stand;
    this.patienceMs = patienceSeconds * 1000;
    this.#watchMs = watchSeconds * 1000;
    this.directory = directory;
    this.isShared = shared;
    this.hasChannel = channel;
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
    if (!this.hasChannel) this.recorder.channelRefusal = 501;
    await this.recorder.listen();
    const home = join(this.directory, 'home');
    mkdirSync(home, { recursive: true });
    this.#command = command;
    this.#env = {
      ...process.env,
      HOME: home,
      MIYABI_URL: this.recorder.url,
      MIYABI_KEY: await this.owner.key(),
      MIYABI_WORKER_NAME: 'examined',
      MIYABI_WORKER_DIR: join(this.directory, 'worker'),
      MIYABI_CAPACITY: '1',
      ...variables,
    };
    this.key = this.#env.MIYABI_KEY;
    this.start();
  }

  /** Starts the worker, again where it was. */
  start() {
    this.mayEnd = false;
    this.starts += 1;
    this.#startedAt = Date.now();
    this.subject = new Subject(this.#command, this.#env, this.cwd);
  }

  async end() {
    await this.subject?.kill();
    this.recorder?.close();
  }

  get words() {
    return wordsOf(this.recorder.calls);
  }

  /** How many words were said in each way. */
  get ways() {
    const said = this.words.filter(({ verb }) => verb !== 'push');
    const over = (way) => said.filter((word) => word.way === way).length;
    return { requests: over('request'), channel: over('channel') };
  }

  /** Whether anything was answered over the channel, once it had something to do. */
  async isOnChannel() {
    if (!this.words.some(({ verb }) => verb === 'finish')) await this.give('true').then((id) => this.ended(id));
    return this.words.some(({ verb, way, taken }) => verb !== 'push' && way === 'channel' && taken);
  }

  /** The id under which the worker registered last. */
  async worker() {
    const isLast = ({ verb, answer, at }) => verb === 'register' && answer?.worker && at >= this.#startedAt;
    const call = await this.until(() => this.recorder.calls.findLast(isLast), 'it did not register');
    return call.answer.worker.id;
  }

  /** Does something while these answers are late where there is a channel: what the server says by itself comes first. */
  async withLate(verbs, work) {
    const from = Date.now();
    this.recorder.hold(...verbs);
    try {
      await work();
    } finally {
      this.recorder.release();
      this.silences.push([from, Date.now() + SETTLING_MS]);
    }
  }

  /** Waits for a fact. Throws NotSeen with the reason. */
  async until(fact, otherwise, milliseconds = this.patienceMs) {
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
