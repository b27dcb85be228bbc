import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.js';

/** `npm test` has built it from the sources as they are. */
export const CLI_FILE = fileURLToPath(new URL('../dist/miyabi.mjs', import.meta.url));

export interface Said {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A command under way. */
export class RunningCommand {
  stdout = '';
  stderr = '';
  readonly ended: Promise<Said>;

  constructor(readonly child: ChildProcess) {
    child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString('utf8')));
    child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString('utf8')));
    this.ended = once(child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  /** Resolves when it has said so, on either stream. */
  async says(text: string): Promise<void> {
    const hasSaid = (): boolean => (this.stdout + this.stderr).includes(text);
    await eventually(`the command said ${text}; it said ${this.stdout}${this.stderr}`, () => {
      if (!hasSaid() && this.child.exitCode !== null) throw new Error(`it ended: ${this.stdout}${this.stderr}`);
      return hasSaid();
    });
  }
}

/** A machine with Node.js and git that has the single file, in a directory with nothing else, and a home of its own. */
export class Machine {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'machine ')));
  readonly home = join(this.path, 'home');
  readonly file = join(this.path, 'alone', 'miyabi.mjs');
  private readonly running: RunningCommand[] = [];

  constructor(
    private readonly variables: Record<string, string | undefined> = {},
    /** Puts a command to where the machine stands. */
    private readonly inside: (command: readonly string[]) => readonly string[] = (command) => command,
  ) {
    mkdirSync(this.home);
    mkdirSync(join(this.path, 'alone'));
    copyFileSync(CLI_FILE, this.file);
  }

  /** What its commands run with, and nothing else. */
  environment(more: Record<string, string | undefined> = {}): Record<string, string | undefined> {
    return {
      PATH: process.env['PATH'],
      HOME: this.home,
      TMPDIR: process.env['TMPDIR'],
      // By it `npm test` would find what the test loses.
      MIYABI_TEST_RUN: process.env['MIYABI_TEST_RUN'],
      ...this.variables,
      ...more,
    };
  }

  start(args: readonly string[], more: Record<string, string | undefined> = {}): RunningCommand {
    const options = {
      cwd: join(this.path, 'alone'),
      env: this.environment(more),
      stdio: ['ignore', 'pipe', 'pipe'] as StdioOptions,
    };
    const [file = '', ...rest] = this.inside([process.execPath, this.file, ...args]);
    return this.watch(spawn(file, rest, options));
  }

  run(args: readonly string[], more: Record<string, string | undefined> = {}): Promise<Said> {
    return this.start(args, more).ended;
  }

  /** The result of a command that must succeed, as JSON. */
  async json<T = Record<string, unknown>>(args: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await this.run([...args, '--json']);
    if (code !== 0) throw new Error(`miyabi ${args.join(' ')} ended with ${String(code)}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** Runs a line of shell, as somebody pastes it. */
  shell(line: string, more: Record<string, string | undefined> = {}): RunningCommand {
    const options = { cwd: this.home, env: this.environment(more), stdio: ['ignore', 'pipe', 'pipe'] as StdioOptions };
    const [file = '', ...args] = this.inside(['sh', '-c', line]);
    return this.watch(spawn(file, args, options));
  }

  /** Ends what still runs, and removes everything. */
  async remove(): Promise<void> {
    for (const { child, ended } of this.running) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.path, { recursive: true, force: true });
  }

  private watch(child: ChildProcess): RunningCommand {
    const command = new RunningCommand(child);
    this.running.push(command);
    return command;
  }
}
