// The worker under examination: a process of its own, and everything it starts.
import { spawn } from 'node:child_process';
import { endProcess, sendSignal } from '../processes.mjs';

const REMEMBERED = 4000;

export class Subject {
  said = '';
  /** How it ended, null while it runs. @type {string | null} */
  end = null;
  #child;

  /**
   * @param {string[]} command
   * @param {NodeJS.ProcessEnv} env
   * @param {string} cwd
   */
  constructor(command, env, cwd) {
    const [file, ...args] = command;
    this.#child = spawn(file, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.on('data', (chunk) => (this.said = (this.said + chunk.toString('utf8')).slice(-REMEMBERED)));
    this.#child.once('error', (error) => (this.end ??= error.message));
    this.#child.once('exit', (code, signal) => (this.end ??= signal ?? `exit code ${code}`));
  }

  get pid() {
    return this.#child.pid;
  }

  /** Asks it to end, as a service manager does. */
  terminate() {
    if (this.pid && this.end === null) this.#child.kill('SIGTERM');
  }

  /** Ends it and its process group at once. */
  async kill() {
    if (!this.pid) return;
    sendSignal(-this.pid, 'SIGKILL');
    await endProcess(this.pid, { signals: ['SIGKILL'] });
  }
}
