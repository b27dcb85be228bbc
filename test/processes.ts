import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { processTable } from '../src/runner/process-table.js';

/** `npm test` has built it from the sources as they are. */
const BUILT = fileURLToPath(new URL('../dist/src/', import.meta.url));
const REMEMBERED = 4000;
const STOP_MS = 25_000;

export type Variables = Record<string, string>;

export interface ProgramEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process of the built product, as an operator runs it: nothing of it lives inside the test. */
export class Program {
  private readonly child: ChildProcess;
  private readonly ending: Promise<ProgramEnd>;
  private readonly listens: Promise<void>;
  private end: ProgramEnd | null = null;
  private said = '';

  /** `entry` is relative to the built `src`; `environment` is all that the process gets. */
  constructor(
    readonly name: string,
    entry: 'main.js' | 'runner/main.js' | 'runner/coordinator/main.js',
    environment: Variables,
    cwd: string,
  ) {
    // With a channel: should the test die, the process notices and ends.
    const child = spawn(process.execPath, [BUILT + entry], {
      env: environment,
      cwd,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.child = child;
    const listen = (chunk: Buffer): void => {
      this.said = (this.said + chunk.toString('utf8')).slice(-REMEMBERED);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    this.ending = once(child, 'exit').then(([code, signal]) => (this.end = { code, signal } as ProgramEnd));
    this.listens = new Promise((resolve, reject) => {
      child.once('message', () => resolve());
      void this.ending.then(() => reject(new Error(`It ended before it listened. ${this.report()}`)));
    });
    // A runner never listens; only who waits for it is to hear of that.
    this.listens.catch(() => undefined);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get running(): boolean {
    return this.end === null;
  }

  /** Resolves when the server says that it listens. Rejects with what it said when it ends instead. */
  listening(): Promise<void> {
    return this.listens;
  }

  /** The power cut: SIGKILL, and it is gone. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ending;
  }

  /** SIGTERM; answers how it ended. It is killed when that takes longer than it ever should. */
  async stop(): Promise<ProgramEnd> {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    return this.ending.finally(() => clearTimeout(timer));
  }

  /** How it is, and its last words, for the message of a failing test. */
  report(): string {
    const state = this.end === null ? 'runs' : `ended with ${String(this.end.signal ?? this.end.code)}`;
    return `${this.name} ${state}; its last words:\n${this.said}`;
  }
}

/** A free port that the system does not hand out by itself, so that a restarted server finds it free again. */
export async function quietPort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    const probe = createServer();
    const found = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => resolve((probe.address() as AddressInfo).port === port));
    });
    await new Promise((resolve) => probe.close(resolve));
    if (found) return port;
  }
}

/** Pids of all live processes that were started with this `NAME=value` in their environment. */
export const processesWith = (assignment: string): number[] =>
  processTable()
    .filter((entry) => entry.hasVariable(assignment))
    .map(({ pid }) => pid);

/** Ends them all by pid, also those that are born meanwhile. */
export async function endProcessesWith(assignment: string): Promise<void> {
  for (let left = processesWith(assignment); left.length > 0; left = processesWith(assignment)) {
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
