import { copyFile, lstat, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { bytePath, inFolder, shown, type BytePath } from './byte-path.js';
import { CommitsService } from './commits.service.js';
import { GitFailed, RefNotFound } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { isOutOfTime } from './git-time.js';
import type { LinkedWorktree } from './local-worktrees.service.js';
import { readPlainFile } from './plain-file.js';
import { SafeViews, type SafeView } from './safe-views.js';
import { measureTree } from './tree-size.js';
import { readChanges, readStaged, type Changes } from './worktree-changes.js';

/** What a linked work tree holds. Null stands for what could not be told. */
export interface WorktreeState {
  /** What is in no commit; null when it could not be looked at. */
  changes: Changes | null;
  /** Commits that are nowhere else. */
  unpushed: number | null;
  /** Whether its commits are in the default branch. */
  merged: boolean | null;
  /** Message of its newest commit, when that is one of its own; else null. */
  message: string | null;
  size_bytes: number | null;
  changed_at: Date | null;
  /** Why it could not be looked at; null when it could. */
  problem: string | null;
}

type History = Pick<WorktreeState, 'unpushed' | 'merged' | 'message'>;

/** What work trees are compared with. */
interface Ground {
  /** What is known of commits already: often many begin at the same. */
  histories: Map<string, Promise<History>>;
  /** Tip of the default branch. */
  base: string | null;
  /** Arguments of rev-list for what is kept anyway. */
  kept: readonly string[];
}

const LARGEST_INDEX = 512 * 1024 * 1024;
const LARGEST_EXCLUDES = 1024 * 1024;
const MOST_COMMITS = 1000;
const MOST_LISTED = 64 * 1024 * 1024;
const AT_ONCE = 3;

/** What git leaves in the folder of a work tree in the middle of something. */
const OPERATIONS: readonly (readonly [string, string])[] = [
  ['rebase-merge', 'a rebase'],
  ['rebase-apply', 'a rebase'],
  ['MERGE_HEAD', 'a merge'],
  ['CHERRY_PICK_HEAD', 'a cherry-pick'],
  ['REVERT_HEAD', 'a revert'],
  ['BISECT_LOG', 'a bisection'],
];

/** Looks into linked work trees. */
@Injectable()
export class WorktreeStates {
  constructor(
    private readonly git: GitProcess,
    private readonly views: SafeViews,
    private readonly commits: CommitsService,
  ) {}

  /**
   * What each holds, in their order; what could not be looked at, or not before `patience` is over, says so. Throws
   * GitFailed when the caller is gone.
   */
  async look(
    view: SafeView,
    worktrees: readonly LinkedWorktree[],
    default_branch: string | null,
    signal: AbortSignal,
    patience = signal,
  ): Promise<WorktreeState[]> {
    const ground = await this.ground(view, default_branch, signal);
    const states = new Array<WorktreeState>(worktrees.length);
    const waiting = [...worktrees.entries()];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        states[next[0]] = await this.one(view, next[1], ground, patience);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return states;
  }

  /** Tip of the default branch: the repository's own, or the one it has from where it was cloned. Null without. */
  async baseOf(view: SafeView, default_branch: string | null, signal?: AbortSignal): Promise<string | null> {
    if (default_branch === null) return null;
    for (const ref of [`refs/heads/${default_branch}`, `refs/remotes/origin/${default_branch}`]) {
      try {
        return await this.commits.resolve(view.directory, ref, signal);
      } catch (error) {
        if (!(error instanceof RefNotFound)) throw error;
      }
    }
    return null;
  }

  private async ground(view: SafeView, default_branch: string | null, signal: AbortSignal): Promise<Ground> {
    const args = ['for-each-ref', '--count=1', '--format=x', 'refs/remotes/'];
    const tracks = (await this.git.run({ directory: view.directory, args, signal })).length > 0;
    // Where nothing is tracked the repository itself is the place that commits are brought to.
    return {
      histories: new Map(),
      base: await this.baseOf(view, default_branch, signal),
      kept: tracks ? ['--remotes'] : ['--branches', '--tags'],
    };
  }

  private async one(
    view: SafeView,
    worktree: LinkedWorktree,
    ground: Ground,
    signal: AbortSignal,
  ): Promise<WorktreeState> {
    const state: WorktreeState = {
      changes: null,
      unpushed: null,
      merged: null,
      message: null,
      size_bytes: null,
      changed_at: null,
      problem: worktree.problem,
    };
    try {
      signal.throwIfAborted();
      Object.assign(state, await this.historyOf(view, worktree, ground, signal));
      if (worktree.problem !== null) return state;
      if (worktree.prunable !== null) return { ...state, changes: nothingThere, size_bytes: 0 };
      state.changes = await this.changes(view, worktree, signal);
      const size = await measureTree(worktree.path, signal);
      return { ...state, size_bytes: size?.bytes ?? null, changed_at: size?.changed_at ?? null };
    } catch (error) {
      if (signal.aborted && !isOutOfTime(signal)) throw new GitFailed('aborted', { cause: error });
      const fault = signal.aborted ? new GitFailed('timeout') : error;
      if (!(fault instanceof GitFailed)) throw fault;
      return { ...state, problem: fault.detail };
    }
  }

  private async historyOf(
    view: SafeView,
    { head_sha }: LinkedWorktree,
    ground: Ground,
    signal: AbortSignal,
  ): Promise<History> {
    if (head_sha === null) return { unpushed: 0, merged: false, message: null };
    const known = ground.histories.get(head_sha) ?? this.history(view, head_sha, ground, signal);
    ground.histories.set(head_sha, known);
    return known;
  }

  private async history(
    { directory }: SafeView,
    head_sha: string,
    { base, kept }: Ground,
    signal: AbortSignal,
  ): Promise<History> {
    const count = async (most: number, not: readonly string[]): Promise<number> => {
      const args = ['rev-list', '--count', `--max-count=${String(most)}`, head_sha, '--not', ...not, '--'];
      return Number((await this.git.run({ directory, args, signal })).toString('latin1'));
    };
    const merged = base !== null && (await count(1, [base])) === 0;
    const unpushed = await count(MOST_COMMITS, kept);
    // The newest commit of a branch without own ones tells of somebody else's work.
    const [own] = merged ? [] : await this.commits.read(directory, [head_sha], signal);
    return { unpushed, merged, message: own?.message ?? null };
  }

  /** Compares the files with the index and the commit, by copies of what git keeps about the work tree. */
  private async changes(view: SafeView, worktree: LinkedWorktree, signal: AbortSignal): Promise<Changes> {
    const own = await this.viewOf(view, worktree);
    const git = (args: readonly string[], max_bytes?: number): Promise<Buffer> =>
      this.git.run({
        directory: own.directory,
        args: [`--work-tree=${join(own.directory, 'work')}`, ...args],
        signal,
        ...(max_bytes === undefined ? {} : { max_bytes }),
      });
    const { nested, hidden } = readStaged(await git(['ls-files', '-v', '--stage', '-z'], MOST_LISTED));
    // Files that git was told not to look at are looked at all the same. Its exit code only says that some differ.
    if (hidden)
      await git(['update-index', '-q', '--really-refresh']).catch((error: unknown) => {
        if (!(error instanceof GitFailed) || error.reason !== 'unknown') throw error;
      });
    // Git would start in repositories inside the work tree and obey their configuration: it must not look at them.
    const status = ['status', '--porcelain', '-z', '--no-renames', '--untracked-files=normal'];
    const changes = readChanges(await git([...status, '--ignore-submodules=all']));
    return {
      ...changes,
      nested: await filledOf(worktree.path, nested),
      operation: await operationOf(worktree.folder),
    };
  }

  /** A view of one work tree, with what git keeps about it; the work tree itself is its `work`. */
  async viewOf(view: SafeView, worktree: Pick<LinkedWorktree, 'folder' | 'path' | 'head_sha'>): Promise<SafeView> {
    const { folder, path, head_sha } = worktree;
    const own = await this.views.beside(view);
    const to = (name: string): string => join(own.directory, name);
    // Without a commit the view's own branch, which is not there, stands for one: everything in the index is new.
    if (head_sha !== null) await writeFile(to('HEAD'), `${head_sha}\n`);
    await symlink(path, to('work'));
    const shared = (await readdir(folder)).filter((name) => name.startsWith('sharedindex.'));
    for (const name of ['index', ...shared]) await copyPlain(inFolder(folder, name), to(name));
    await mkdir(to('info'));
    for (const name of ['exclude', 'attributes']) {
      const text = await readPlainFile(join(view.place.common, 'info', name), LARGEST_EXCLUDES);
      if (text !== null) await writeFile(to(`info/${name}`), text);
    }
    return own;
  }
}

const nothingThere: Changes = { files: [], count: 0, nested: [], operation: null };

async function copyPlain(from: BytePath, to: string): Promise<void> {
  const status = await lstat(from).catch(() => null);
  if (status === null) return;
  if (!status.isFile()) throw new GitFailed('damaged');
  if (status.size > LARGEST_INDEX) throw new GitFailed('too_large');
  await copyFile(from, to);
  // A file that is as old as the index is read, as it may have changed since; of a younger index git would not do that.
  const time = Math.floor(status.mtimeMs / 1000);
  await utimes(to, time, time);
}

/** Repositories inside the work tree that have been filled. */
async function filledOf(root: BytePath, paths: readonly Buffer[]): Promise<string[]> {
  const filled: string[] = [];
  for (const path of paths) {
    const names = await readdir(inFolder(root, path)).catch(() => []);
    if (names.length > 0) filled.push(shown(path));
  }
  return filled;
}

async function operationOf(folder: BytePath): Promise<string | null> {
  for (const [name, operation] of OPERATIONS)
    if ((await lstat(inFolder(folder, bytePath(name))).catch(() => null)) !== null) return operation;
  return null;
}
