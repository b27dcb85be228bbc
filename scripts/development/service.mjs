// A process of ours that is kept running: started again when it ends by itself, ended in order when asked.
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendantsOf, sendSignal } from '../processes.mjs';
import { root } from '../root.mjs';
import { endWithDescendants } from './run-record.mjs';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
// Having run this long, an end is an incident and not a loop.
const STEADY_AFTER_MS = 60_000;

/**
 * @typedef {object} ServiceOptions
 * @property {string} name for messages and the record
 * @property {string[]} args of Node
 * @property {NodeJS.ProcessEnv} env
 * @property {number} stopWithinMs how long it has to end by itself
 * @property {(pid: number) => Promise<boolean>} [isReady] asked until it is
 * @property {string} [endedMeans] what it means that it has ended by itself and in order; then it is not started again
 * @property {import('./run-record.mjs').RunRecord} record
 */

export class Service {
  #options;
  /** @type {import('node:child_process').ChildProcess | null} */
  #child = null;
  /** @type {import('node:child_process').ChildProcess | null} whose end was asked for */
  #ending = null;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #startedAt = 0;
  #failures = 0;
  // Until it has been ready once, its end is the caller's to judge: wrong settings do not heal by trying again.
  #kept = false;
  #stopped = false;

  /** @param {ServiceOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * Starts it and waits until it is ready. Throws when it ends before.
   * @param {AbortSignal} signal gives up waiting
   */
  async start(signal) {
    await this.#launch(signal);
    this.#kept = true;
  }

  /** Ends it and starts it again, to load new code. */
  async restart() {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#failures = 0;
    await this.#end();
    if (!this.#stopped) await this.#launchAgain();
  }

  /** Ends it for good. */
  async stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#end();
  }

  /** Ends it for good, at once, and whom it has started. */
  hurry() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child?.pid) return;
    const started = descendantsOf(child.pid);
    child.kill('SIGKILL');
    started.forEach(({ pid }) => sendSignal(pid, 'SIGKILL'));
  }

  async #launch(signal) {
    const { name, args, env, record } = this.#options;
    const child = spawn(process.execPath, args, {
      cwd: root,
      env,
      // The channel tells it when this process is gone, however it went. Its own session keeps Ctrl-C from it: we say when.
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    this.#child = child;
    this.#startedAt = Date.now();
    const ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ? `ended by ${signal}` : `exit code ${code}`));
    });
    if (child.pid) record.set(name, child.pid);
    let how = null;
    const watched = ended.then((outcome) => {
      how = outcome;
      this.#onEnd(child, outcome);
    });
    while (how === null && !(await this.#isReady(child.pid))) {
      signal?.throwIfAborted();
      await Promise.race([sleep(50), watched]);
    }
    if (how !== null) throw new Error(how);
  }

  async #isReady(pid) {
    return this.#options.isReady ? this.#options.isReady(pid) : true;
  }

  /** A launch that fails is dealt with where the end of its process is noticed. */
  async #launchAgain() {
    await this.#launch().catch(() => undefined);
  }

  #onEnd(child, how) {
    if (this.#child === child) {
      this.#child = null;
      this.#options.record.set(this.#options.name, null);
    }
    if (this.#ending === child || !this.#kept || this.#stopped) return;
    if (child.exitCode === 0 && this.#options.endedMeans) {
      console.log(this.#options.endedMeans);
      return;
    }
    this.#failures = Date.now() - this.#startedAt > STEADY_AFTER_MS ? 0 : this.#failures + 1;
    const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.max(0, this.#failures - 1));
    console.log(`The ${this.#options.name} has ended (${how}); starting it again in ${delay / 1000} s.`);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#launchAgain(), delay);
  }

  async #end() {
    const child = this.#child;
    if (!child?.pid) return;
    this.#ending = child;
    await endWithDescendants(child.pid, this.#options.stopWithinMs);
  }
}
