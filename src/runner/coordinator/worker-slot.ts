import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Environment } from '../../config/load.js';
import type { Logger } from 'pino';
import { backoff, pause } from '../patience.js';

/** How long it waits before it starts a worker again: doubling, until one has lived for `settled`. All in milliseconds. */
const WAITS = { first: 1000, longest: 60_000, settled: 180_000 };

export interface SlotParts {
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** What it is started with, asked anew each time. */
  readonly environment: () => Environment;
  readonly log: Logger;
  readonly waits?: typeof WAITS;
}

/** The place of one worker process, which is started again when it ends in any other way than as it was told to. */
export class WorkerSlot {
  private child: ChildProcess | null = null;
  private failures = 0;

  constructor(private readonly parts: SlotParts) {}

  /**
   * Keeps a worker running until it has ended in order, or until it has ended and the signal says that it was the last.
   * Answers whether the last one ended in order.
   */
  async run(noMore: AbortSignal): Promise<boolean> {
    const { name, log, waits = WAITS } = this.parts;
    while (!noMore.aborted) {
      const began = performance.now();
      const { code, signal } = await this.once();
      if (code === 0) {
        log.info({ worker: name }, 'the worker has ended as it was told to');
        return true;
      }
      if (noMore.aborted) break;
      if (performance.now() - began >= waits.settled) this.failures = 0;
      const waitMs = Math.round(backoff(this.failures, waits));
      this.failures++;
      log.warn({ worker: name, code, signal, wait_ms: waitMs }, 'the worker has ended; it is started again');
      await pause(waitMs, noMore).catch(() => undefined);
    }
    return false;
  }

  /** Sends a signal to the process, if there is one. */
  kill(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** Runs it once; answers how it ended. */
  async once(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const { name, command, environment, log } = this.parts;
    const [program = '', ...args] = command;
    // With a channel: should this process die, its workers notice, hand back what they run, and end. Its own session keeps
    // the Ctrl-C of a terminal from it: it finishes when it is told to.
    const child = spawn(program, args, {
      env: environment(),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    this.child = child;
    try {
      await once(child, 'spawn');
      log.info({ worker: name, pid: child.pid }, 'the worker has been started');
      const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
      return { code, signal };
    } catch (error) {
      log.error({ worker: name, reason: (error as Error).message }, 'the worker cannot be started');
      return { code: null, signal: null };
    } finally {
      this.child = null;
    }
  }
}
