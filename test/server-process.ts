import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../src/config/load.js';

/** `npm test` has built it from the sources as they are. */
const MAIN = fileURLToPath(new URL('../dist/src/main.js', import.meta.url));

export interface Exit {
  code: number | null;
  signal: string | null;
}

/** The built server as a process of its own, which a test may signal. */
export class ServerProcess {
  readonly exit: Promise<Exit>;
  /** What it has written so far. */
  stdout = '';
  stderr = '';
  private readonly child: ChildProcess;
  private readonly port: Promise<number>;

  constructor(environment: Environment) {
    this.child = spawn(process.execPath, [MAIN], {
      // The tag by which `npm test` would find it, were the test to lose it.
      env: { PATH: process.env['PATH'], MIYABI_TEST_RUN: process.env['MIYABI_TEST_RUN'], ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString('utf8')));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString('utf8')));
    // Not the event `close`, which Node leaves out after a disconnect.
    const { stdout, stderr } = this.child;
    const ends = [once(this.child, 'exit'), ...[stdout, stderr].map((stream) => stream && once(stream, 'close'))];
    this.exit = Promise.all(ends).then(([exit]) => ({ code: exit?.[0], signal: exit?.[1] }) as Exit);
    this.port = Promise.race([
      once(this.child, 'message').then(([message]) => (message as { listening: number }).listening),
      this.exit.then(() => {
        throw new Error(`the server has ended: ${this.stderr}`);
      }),
    ]);
    // Only who waits for it is to hear of that.
    this.port.catch(() => undefined);
  }

  /** Its address, once it listens. */
  async url(): Promise<string> {
    return `http://127.0.0.1:${String(await this.port)}`;
  }

  get id(): number {
    return this.child.pid ?? 0;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Closes the channel to it, as a supervisor does that ends. */
  abandon(): void {
    this.child.disconnect();
  }

  async kill(): Promise<void> {
    if (this.running) this.child.kill('SIGKILL');
    await this.exit;
  }
}
