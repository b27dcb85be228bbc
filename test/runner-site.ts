import { mkdir, mkdtemp, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadRunnerSettings } from '../src/config/runner.config.js';
import { newId } from '../src/ids.js';
import { createLogger } from '../src/runner/logger.js';
import { pause } from '../src/runner/patience.js';
import { findTree } from '../src/runner/process-tree.js';
import type { Grant } from '../src/runner/protocol.js';
import { Runner } from '../src/runner/runner.js';
import { Secrets } from '../src/runner/secrets.js';
import { aGrant } from './a-grant.js';
import { commitTo } from './bare-repository.js';
import { StandInServer } from './stand-in-server.js';

type Given = Parameters<typeof aGrant>[0];

/** A repository, a server that speaks the contract, and runners in this process: what specs of the whole runner need. */
export class RunnerSite {
  readonly server: StandInServer;
  /** The runner's directory. */
  readonly directory: string;
  /** The bare repository behind the server. */
  readonly origin: string;
  /** Its first commit. */
  readonly base: string;
  /** What the runners logged, a line of JSON each. */
  readonly logged: string[] = [];
  private readonly repositoryId = newId();
  private readonly started: { runner: Runner; ended: Promise<void> }[] = [];

  private constructor(readonly root: string) {
    this.directory = join(root, 'worker');
    this.origin = join(root, `${this.repositoryId}.git`);
    this.base = commitTo(this.origin, { 'README.md': 'hello\n' });
    this.server = new StandInServer(root);
  }

  static async open(): Promise<RunnerSite> {
    const site = new RunnerSite(await realpath(await mkdtemp(join(tmpdir(), 'runner '))));
    await site.server.start();
    return site;
  }

  /** Ends what still runs and removes everything. */
  async close(): Promise<void> {
    for (const { runner, ended } of this.started) {
      runner.stop();
      runner.stop();
      await ended.catch(() => undefined);
    }
    await this.server.stop();
    await rm(this.root, { recursive: true, force: true });
  }

  /** Starts a runner. */
  start(environment: Record<string, string> = {}): { runner: Runner; ended: Promise<void> } {
    const settings = loadRunnerSettings({
      NODE_ENV: 'test',
      PATH: process.env['PATH'],
      MIYABI_URL: this.server.url,
      MIYABI_KEY: 'myk_registration',
      MIYABI_WORKER_DIR: this.directory,
      MIYABI_WORKER_NAME: 'w1',
      DISK_MIN_FREE: '0',
      TERM_GRACE_SECONDS: '0.3',
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'json',
      AGENT_ISOLATION: 'none',
      ...environment,
    });
    const secrets = new Secrets();
    const log = createLogger(settings.runtime, secrets, {
      destination: { write: (line) => void this.logged.push(line) },
    });
    const runner = new Runner(settings, '0.0.0', log, secrets);
    const started = { runner, ended: runner.run() };
    started.ended.catch(() => undefined);
    this.started.push(started);
    return started;
  }

  /** Puts a program for agents on `path`, in one piece; gives its file. */
  async program(name: string, script: string): Promise<string> {
    const file = join(this.root, 'bin', name);
    await mkdir(join(this.root, 'bin'), { recursive: true, mode: 0o755 });
    await writeFile(`${file}.new`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    await rename(`${file}.new`, file);
    return file;
  }

  /** A PATH with these programs, and those of the system. */
  get path(): string {
    return `${join(this.root, 'bin')}:/usr/bin:/bin`;
  }

  repository(): NonNullable<Grant['repository']> {
    const clone_url = `/git/${this.repositoryId}.git`;
    return { id: this.repositoryId, full_name: 'miyabi/example', clone_url, default_branch: 'main' };
  }

  /** Puts a task into the queue that runs a shell script in a checkout of the repository. */
  give(script: string, given: Given = {}): Grant {
    const task = { metadata: { command: ['bash', '-c', script] }, ...given.task };
    const grant = aGrant({ repository: this.repository(), ...given, task });
    this.server.give(grant);
    return grant;
  }

  /** What a script waits with until the test lets it through. */
  gate(): { wait: string; open: () => Promise<void> } {
    const path = join(this.root, newId());
    return { wait: `until [ -e '${path}' ]; do sleep 0.05; done`, open: () => writeFile(path, '') };
  }

  /** The execution's directory. */
  folder(grant: Grant): string {
    return join(this.directory, 'executions', grant.execution.id);
  }

  /** Why its checkout was kept. */
  kept(grant: Grant): Promise<string> {
    return readFile(join(this.folder(grant), 'kept.txt'), 'utf8');
  }

  /** What the server has of its log. */
  messages(grant: Grant, stream = 'stdout'): string[] {
    const { log } = this.server.attemptOf(grant.execution.id);
    return log.filter((entry) => entry.stream === stream).map(({ message }) => message);
  }

  /** Resolves when the server has this line of its output. */
  said(grant: Grant, line: string): Promise<void> {
    return this.server.until(() => this.messages(grant).includes(line));
  }

  /** Processes of the execution that still live. */
  survivors(grant: Grant): number[] {
    return findTree({ executionId: grant.execution.id, directory: this.folder(grant), leader: null });
  }
}

export const idOf = (grant: Grant): string => grant.execution.id;

/** Resolves when the fact holds. */
export async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await pause(20);
}
