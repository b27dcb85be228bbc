import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import {
  answerOnce,
  ASKING_STDIO,
  askingSettings,
  withoutCredentials,
  type AddressCredentials,
} from './asked-credentials.js';
import { codeOf } from './error-code.js';
import { causeOf } from './git-causes.js';
import { gitEnvironment, prepareHome, type EnvironmentOptions } from './git-environment.js';
import { GitFailed, GitNotHere } from './git.errors.js';

const STDERR_KEPT = 16 * 1024;
const KILL_AFTER_MS = 1000;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;

export interface GitCall extends EnvironmentOptions {
  /** The command and its arguments; values of others come after `--` or `--end-of-options`. */
  args: readonly string[];
  /** The bare repository to work in. */
  directory?: string;
  /** Where the process runs. Default: the directory of the mirrors. */
  cwd?: string;
  /** Written to standard input. */
  input?: string;
  /** Default 30 s; 0 means no limit, for calls that are watched otherwise. */
  timeout_ms?: number;
  /** Most bytes of output that `run` keeps. Default 8 MiB. */
  max_bytes?: number;
  signal?: AbortSignal;
  /** For the host of the address that the command speaks with, should it ask. */
  credentials?: AddressCredentials;
}

/** Why we ended a process ourselves. */
type StopReason = 'timeout' | 'aborted' | 'too_large';

/** How a git process ended. */
export interface GitEnd {
  code: number | null;
  stderr: string;
  stopped: StopReason | null;
}

/** A git process under way. */
export interface GitChild {
  process: ChildProcessWithoutNullStreams;
  /** Resolves when it and its output have ended; never rejects. */
  ended: Promise<GitEnd>;
  /** Ends it with all its children: TERM, then KILL after a second. */
  stop: (reason: StopReason) => void;
}

/** The one way the server runs git: an argv without a shell, a clean environment, its own process group. */
@Injectable()
export class GitProcess implements OnApplicationShutdown {
  private readonly logger = new Logger(GitProcess.name);
  private readonly running = new Set<(reason: StopReason) => void>();
  private home: Promise<string> | null = null;
  private onDamage: (directory: string) => void = () => undefined;

  constructor(private readonly config: GitConfig) {}

  /** Directory of the mirrors. Throws GitNotHere where this process has none. */
  get root(): string {
    if (this.config.root === '') throw new GitNotHere();
    return resolve(this.config.root);
  }

  /** For who looks after the repositories: called when a command that works in one finds something broken. */
  watchDamage(listener: (directory: string) => void): void {
    this.onDamage = listener;
  }

  /** Output of a command. Throws GitFailed with the cause. */
  async run(call: GitCall): Promise<Buffer> {
    const child = await this.start(call);
    const chunks: Buffer[] = [];
    let size = 0;
    child.process.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > (call.max_bytes ?? DEFAULT_MAX_BYTES)) child.stop('too_large');
      else chunks.push(chunk);
    });
    this.assertDone(await child.ended, call.args[0]);
    return Buffer.concat(chunks);
  }

  /** Starts a command whose streams the caller handles; the caller checks `ended` with `assertDone`. */
  async start(call: GitCall): Promise<GitChild> {
    call.signal?.throwIfAborted();
    const home = await this.ensureHome();
    // It may have been called off meanwhile, which nobody would hear of any more.
    call.signal?.throwIfAborted();
    const { credentials } = call;
    const settings = { ...call.settings, ...(credentials && askingSettings(credentials)) };
    const process = spawn('git', [...(call.directory ? [`--git-dir=${call.directory}`] : []), ...call.args], {
      cwd: call.cwd ?? this.root,
      env: gitEnvironment(home, { ...call, settings }),
      // Its own group, so that its helpers (pack-objects, index-pack, remote-https) end with it.
      detached: true,
      stdio: credentials ? [...ASKING_STDIO] : 'pipe',
    }) as ChildProcessWithoutNullStreams;
    if (credentials) answerOnce(process.stdio[ASKING_STDIO.length - 1] as Duplex, credentials);
    // A process that ends early closes its input; its exit code tells why.
    process.stdin.on('error', (error) => this.logger.debug(`git closed its input: ${error.message}`));
    if (call.input !== undefined) process.stdin.end(call.input);
    return this.watch(process, call);
  }

  /** Throws GitFailed unless the process ended well. Git's words go to the log alone. */
  assertDone(end: GitEnd, command = 'git'): void {
    if (end.stopped !== null) throw new GitFailed(end.stopped);
    if (end.code === 0) return;
    this.logger.warn(`git ${command} ended with ${String(end.code)}: ${end.stderr.trim()}`);
    throw new GitFailed(causeOf(end.stderr), { cause: new Error(end.stderr.trim()) });
  }

  /** Ends what is still running when the server stops; at once, as nobody stays to see to it. */
  onApplicationShutdown(): void {
    for (const end of this.running) end('aborted');
  }

  private watch(process: ChildProcessWithoutNullStreams, call: GitCall): GitChild {
    let stderr = '';
    let stopped: StopReason | null = null;
    let over = false;
    process.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_KEPT)));

    const stop = (reason: StopReason): void => {
      if (stopped !== null || over) return;
      stopped = reason;
      signalGroup(process, 'SIGTERM');
      setTimeout(() => {
        // Once it is over its id may be that of a stranger.
        if (!over) signalGroup(process, 'SIGKILL');
      }, KILL_AFTER_MS).unref();
      // What nobody will read must not keep the process's end from being seen.
      process.stdout.resume();
    };
    const end = (reason: StopReason): void => {
      stop(reason);
      if (!over) signalGroup(process, 'SIGKILL');
    };
    const onAbort = (): void => stop('aborted');
    call.signal?.addEventListener('abort', onAbort, { once: true });
    const limit = call.timeout_ms ?? DEFAULT_TIMEOUT_MS;
    const timer = limit > 0 ? setTimeout(() => stop('timeout'), limit) : undefined;
    this.running.add(end);

    const ended = once(process, 'close')
      .then(([code]: (number | null)[]) => ({ code: code ?? null, stderr: shown(stderr, call), stopped }))
      // The program could not be started at all.
      .catch((error: unknown) => ({ code: null, stderr: String(error), stopped }))
      .finally(() => {
        over = true;
        clearTimeout(timer);
        call.signal?.removeEventListener('abort', onAbort);
        this.running.delete(end);
        if (call.directory !== undefined && stopped === null && causeOf(stderr) === 'damaged')
          this.onDamage(call.directory);
      });
    return { process, ended, stop };
  }

  private async ensureHome(): Promise<string> {
    const home = join(this.root, '.home');
    this.home ??= prepareHome(home).then(() => home);
    return this.home.catch((error: unknown) => {
      this.home = null;
      throw error;
    });
  }
}

const shown = (stderr: string, { credentials }: GitCall): string =>
  credentials === undefined ? stderr : withoutCredentials(stderr, credentials);

/** Signals a whole process group; one that is gone already is fine. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}
