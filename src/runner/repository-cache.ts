import { existsSync } from 'node:fs';
import { mkdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { isId } from '../ids.js';
import { Fault } from './fault.js';
import { trustAgain, type Git } from './git.js';
import { credentials, persistently, type Remote, type TransportPatience } from './git-transport.js';
import { Lock, LockHeld } from './lock.js';
import { pause } from './patience.js';

const REFSPECS = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'];

/** Bare copies of repositories, one each, so that an execution fetches only what is new. They may be deleted at any time. */
export class RepositoryCache {
  private readonly turns = new Map<string, Promise<unknown>>();
  /** Executions that read objects of a cache; while there is one, the cache is not made anew. */
  private readonly readers = new Map<string, number>();

  constructor(
    private readonly git: Git,
    private readonly workerDirectory: string,
  ) {}

  pathOf(repositoryId: string): string {
    if (!isId(repositoryId)) throw new Fault('git', 'The repository id of the claim is not a UUID.');
    return join(this.workerDirectory, 'cache', `${repositoryId}.git`);
  }

  /** Fetches the repository and lets `work` read the cache, alone; the cache stays until `leave` is called. */
  async enter<T>(
    repositoryId: string,
    remote: Remote,
    patience: TransportPatience,
    work: (cache: string) => Promise<T>,
  ): Promise<T> {
    const path = this.pathOf(repositoryId);
    this.readers.set(repositoryId, (this.readers.get(repositoryId) ?? 0) + 1);
    return this.alone(repositoryId, patience.signal, async () => {
      await this.update(repositoryId, path, remote, patience);
      return work(path);
    });
  }

  /** Whether an execution reads it. */
  isInUse(repositoryId: string): boolean {
    return (this.readers.get(repositoryId) ?? 0) > 0 || this.turns.has(repositoryId);
  }

  /** Whether a branch of it, as it was last fetched, leads to a commit; null when that cannot be told now. */
  async contains(repositoryId: string, branch: string, sha: string): Promise<boolean | null> {
    const gitDir = this.pathOf(repositoryId);
    if (!existsSync(join(gitDir, 'HEAD')) || this.isInUse(repositoryId)) return null;
    await trustAgain(gitDir);
    const args = ['merge-base', '--is-ancestor', '--end-of-options', sha, `refs/heads/${branch}`];
    return this.git.ask(args, { gitDir, timeMs: 10_000 }).then(
      (answer) => answer !== null,
      () => null,
    );
  }

  /** Removes it unless an execution has come to read it. */
  async remove(repositoryId: string): Promise<void> {
    const path = this.pathOf(repositoryId);
    await this.alone(repositoryId, new AbortController().signal, async () => {
      if ((this.readers.get(repositoryId) ?? 0) === 0) await rm(path, { recursive: true, force: true });
    });
  }

  leave(repositoryId: string): void {
    this.readers.set(repositoryId, (this.readers.get(repositoryId) ?? 1) - 1);
  }

  /** One at a time for each repository: in this process by turns, between processes by a file. */
  async alone<T>(repositoryId: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.turns.get(repositoryId);
    const turn = (async () => {
      await before?.catch(() => undefined);
      signal.throwIfAborted();
      const lock = await takeLock(`${this.pathOf(repositoryId)}.lock`, signal);
      try {
        return await work();
      } finally {
        await lock.release();
      }
    })();
    this.turns.set(repositoryId, turn);
    try {
      return await turn;
    } finally {
      if (this.turns.get(repositoryId) === turn) this.turns.delete(repositoryId);
    }
  }

  private async update(id: string, path: string, remote: Remote, patience: TransportPatience): Promise<void> {
    try {
      await this.fetch(path, remote, patience);
    } catch (error) {
      // A refusal of the server is no sign of a broken cache, and nobody else's objects are taken away.
      const broken =
        error instanceof Fault && error.reason === 'git' && !/HTTP|error: \d{3}|unable to access/.test(error.message);
      if (!broken || (this.readers.get(id) ?? 0) > 1) throw error;
      await rm(path, { recursive: true, force: true });
      await this.fetch(path, remote, patience);
    }
  }

  private async fetch(path: string, remote: Remote, patience: TransportPatience): Promise<void> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const now = new Date();
    // The clean-up removes what has not been used for longest.
    await utimes(path, now, now);
    if (!existsSync(join(path, 'HEAD'))) await this.git.run(['init', '--quiet', '--bare', '--template=', '--', path]);
    // Agents of the same account can reach this directory, so nothing that could be planted in it is trusted.
    await trustAgain(path);
    await persistently(
      () =>
        this.git.run(
          ['fetch', '--quiet', '--prune', '--no-tags', '--no-write-fetch-head', '--', remote.url, ...REFSPECS],
          { gitDir: path, env: credentials(remote), protocols: 'http:https', signal: patience.signal },
        ),
      patience,
    );
  }
}

async function takeLock(path: string, signal: AbortSignal): Promise<Lock> {
  for (;;) {
    try {
      return await Lock.take(path);
    } catch (error) {
      if (!(error instanceof LockHeld)) throw error;
      await pause(100, signal);
    }
  }
}
