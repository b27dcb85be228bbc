import { lstat, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { bytePath, inFolder } from './byte-path.js';
import { atMost } from './patience.js';
import { codeOf } from './error-code.js';
import { GitFailed } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { LocalWorktrees } from './local-worktrees.service.js';
import { holdMirrorLock, withMirrorLock } from './mirror-lock.js';
import { readPlainFile } from './plain-file.js';
import type { SafeView } from './safe-views.js';
import { readModified } from './worktree-changes.js';
import { WorktreeStates } from './worktree-states.service.js';

const FOLDER = '.additions';
/** What git, and whoever lists them, is told while the files are not there yet. */
export const LOCKED = 'being checked out by the control plane';
/** Longer than a process of another host is silent before it is taken for dead. */
const PATIENCE_MS = 25_000;
/** What a look waits for what was left to be cleared away. */
const LOOK_MS = 1000;
const LARGEST_FILE = 64 * 1024 * 1024;
const STATUS_MS = 60_000;

/** A linked work tree whose addition has begun. */
export interface BegunWorktree {
  local_path: string;
  /** Its folder in the git directory of the repository. */
  folder: string;
  path: string;
  /** The directory at that path, once it is made: nothing else that is there later is touched. */
  made: { dev: number; ino: number } | null;
  sha: string;
  /** The branch that was made for it. */
  made_branch: string | null;
}

/** The record of an addition, for as long as it is under way. */
export interface Begun {
  note: (begun: BegunWorktree) => Promise<void>;
  /** It is whole: nothing is to be cleared away any more. */
  finish: () => Promise<void>;
  /** It failed: what it made goes. Never throws. */
  abandon: () => Promise<void>;
}

/**
 * Which additions of linked work trees are under way, on disk beside the mirrors. Of one whose process has ended in the
 * middle what it made is cleared away, when a process starts and when somebody looks; nothing that a person has locked,
 * unlocked or put there.
 */
@Injectable()
export class BegunWorktrees implements OnApplicationBootstrap {
  private readonly logger = new Logger(BegunWorktrees.name);
  /** Those of this very process. */
  private readonly underWay = new Set<string>();
  private watching: Promise<void> | null = null;

  constructor(
    private readonly config: GitConfig,
    private readonly git: GitProcess,
    private readonly local: LocalWorktrees,
    private readonly states: WorktreeStates,
  ) {}

  onApplicationBootstrap(): void {
    this.watch();
  }

  /** Begins the record of one by its name. */
  async begin(name: string): Promise<Begun> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const record = this.recordOf(name);
    const release = await holdMirrorLock(this.lockOf(name), PATIENCE_MS);
    this.underWay.add(name);
    const end = async (last: () => Promise<void>): Promise<void> => {
      await last();
      this.underWay.delete(name);
      await release();
    };
    return {
      note: async (begun) => {
        await writeFile(`${record}.new`, JSON.stringify(begun), { mode: 0o600 });
        await rename(`${record}.new`, record);
      },
      finish: () => end(() => rm(record, { force: true })),
      abandon: () => end(() => this.clearRecorded(name)),
    };
  }

  /** Clears away what was left in the middle, as far as that can be done at once. */
  async settleSoon(): Promise<void> {
    this.watch();
    await atMost(LOOK_MS, this.settle(0));
  }

  /** Whether a process of another host has died only its silence tells. */
  private watch(): void {
    this.watching ??= this.settle(PATIENCE_MS).finally(() => (this.watching = null));
  }

  private async settle(patience_ms: number): Promise<void> {
    if (this.config.root === '') return;
    const names = (await readdir(this.folder).catch(() => []))
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length));
    const left = names.filter((name) => !this.underWay.has(name));
    await Promise.all(left.map((name) => this.settleOne(name, patience_ms)));
  }

  /** One that is under way elsewhere is left to who is at it. */
  private async settleOne(name: string, patience_ms: number): Promise<void> {
    try {
      await withMirrorLock(this.lockOf(name), patience_ms, () => this.clearRecorded(name));
    } catch (error) {
      if (error instanceof GitFailed && error.reason === 'locked') return;
      this.logger.error({ err: error, name }, 'what was left of the addition of a work tree could not be cleared away');
    }
  }

  private async clearRecorded(name: string): Promise<void> {
    const record = this.recordOf(name);
    const text = await readFile(record, 'utf8').catch(() => null);
    if (text === null) return;
    const begun = JSON.parse(text) as BegunWorktree;
    try {
      await this.local.within(begun.local_path, (view) => this.clear(view, begun));
      this.logger.warn({ path: begun.path }, 'an addition of a work tree that came to no end has been settled');
    } catch (error) {
      const gone = error instanceof GitFailed && error.reason === 'not_found';
      this.logger.error({ err: error, path: begun.path }, 'a work tree was left in the middle of its addition');
      // Without its repository it is no work tree any more. Of all else the record stays, for the next look.
      if (!gone) return;
    }
    await rm(record, { force: true });
  }

  private async clear(view: SafeView, begun: BegunWorktree): Promise<void> {
    const { folder, path, made, made_branch, sha } = begun;
    const lock = join(folder, 'locked');
    const locked = await readPlainFile(lock, LOCKED.length + 2);
    const known = await isThere(join(folder, 'gitdir'));
    const ours = locked?.toString('utf8') === `${LOCKED}\n`;
    // Somebody has unlocked it, or locked it themselves.
    if (known && !ours) return;
    const there = await lstat(path).catch(() => null);
    const same = there?.isDirectory() === true && there.dev === made?.dev && there.ino === made.ino;
    if (known && ((await isThere(join(folder, 'index'))) || (same && (await this.holdsMore(view, begun))))) {
      await rm(lock, { force: true });
      return;
    }
    if (same) await rm(path, { recursive: true, force: true, maxRetries: 3 });
    else await rmdir(path).catch(() => undefined);
    // A link in the place of the folder of all of them would have us delete elsewhere.
    const folders = await lstat(join(folder, '..')).catch(() => null);
    if (!folders?.isDirectory() || !(await isThere(folder))) return;
    if (made_branch !== null) {
      // Only while it is where it was put; it may never have been.
      const args = ['update-ref', '--no-deref', '-d', `refs/heads/${made_branch}`, sha];
      await this.git.run({ directory: view.directory, args }).catch(() => undefined);
    }
    await rm(folder, { recursive: true, force: true });
  }

  /** Whether it holds what its commit does not: anything but files of it, of which git may not have written all. */
  private async holdsMore(view: SafeView, { folder, path, sha }: BegunWorktree): Promise<boolean> {
    const own = await this.states.viewOf(view, { folder: bytePath(folder), path: bytePath(path), head_sha: sha });
    const run = (args: readonly string[]): Promise<Buffer> =>
      this.git.run({
        directory: own.directory,
        args: [`--work-tree=${join(own.directory, 'work')}`, ...args],
        timeout_ms: STATUS_MS,
        max_bytes: LARGEST_FILE,
      });
    await run(['read-tree', sha]);
    const status = await run(['status', '--porcelain', '-z', '--no-renames', '--ignore-submodules=all']);
    const { modified, others } = readModified(status);
    // Git writes one file at a time.
    const [cut, ...more] = modified;
    if (others > 0 || more.length > 0) return true;
    if (cut === undefined) return false;
    const written = await readPlainFile(inFolder(bytePath(path), cut), LARGEST_FILE);
    const whole = await run(['cat-file', 'blob', `${sha}:${cut.toString('utf8')}`]).catch(() => null);
    return written === null || whole?.subarray(0, written.length).equals(written) !== true;
  }

  private get folder(): string {
    return join(this.git.root, FOLDER);
  }

  private recordOf(name: string): string {
    return join(this.folder, `${name}.json`);
  }

  private lockOf(name: string): string {
    return join(this.folder, `${name}.lock`);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
