import { copyFile, lstat, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { bytePath, inFolder, shown, type BytePath } from './byte-path.js';
import { codeOf, isOfNothing, isOfSystem, nullIfNothing } from './error-code.js';
import { eachInTurn } from './each-in-turn.js';
import { findRepositories } from '../nested-repositories.js';
import { GitFailed } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { isOutOfTime } from '../time-limit.js';
import type { LinkedWorktree } from './local-worktrees.service.js';
import { occupantsOf } from './occupants.js';
import { readPlainFile } from './plain-file.js';
import { readPlainIndex } from './plain-index.js';
import { SafeViews, type SafeView } from './safe-views.js';
import { lastUseOf } from './worktree-entries.js';
import { measureTree } from './tree-size.js';
import { WorktreeHistories, type History, type Stranded } from './worktree-histories.service.js';
import { addFile, readChanges, readStaged, readStagedPaths, type Changes } from './worktree-changes.js';

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
  /** Commits beside those of its HEAD that only something of its own leads to. */
  stranded: Stranded[] | null;
  /** Processes that work in it; null when there are none, or none that can be seen. */
  occupied: string | null;
  size_bytes: number | null;
  changed_at: Date | null;
  /** Why it could not be looked at; null when it could. */
  problem: string | null;
}

const NOTHING_KNOWN: WorktreeState = {
  ...{ changes: null, unpushed: null, merged: null, message: null, stranded: null },
  ...{ occupied: null, size_bytes: null, changed_at: null, problem: null },
};

const LARGEST_INDEX = 512 * 1024 * 1024;
/** Larger ones git reads. */
const LARGEST_READ = 32 * 1024 * 1024;
const LARGEST_ATTRIBUTES = 1024 * 1024;
const MOST_LISTED = 64 * 1024 * 1024;
/** The tree without files, which every git knows. */
const NO_FILES = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
const AT_ONCE = 3;
const UNREAD = 'Something of it could not be read: the disk says';
const GONE_MEANWHILE = 'It went away while it was looked at.';

/** What git leaves in the folder of a work tree in the middle of something. */
const OPERATIONS: readonly (readonly [string, string])[] = [
  ['rebase-merge', 'a rebase'],
  ['rebase-apply/applying', 'the applying of mails'],
  ['rebase-apply', 'a rebase'],
  ['MERGE_HEAD', 'a merge'],
  ['CHERRY_PICK_HEAD', 'a cherry-pick'],
  ['REVERT_HEAD', 'a revert'],
  ['sequencer', 'a cherry-pick or a revert of several commits'],
  ['BISECT_START', 'a bisection'],
  ['BISECT_LOG', 'a bisection'],
  ['NOTES_MERGE_WORKTREE', 'a merge of notes'],
];

/** Looks into linked work trees. */
@Injectable()
export class WorktreeStates {
  constructor(
    private readonly git: GitProcess,
    private readonly views: SafeViews,
    private readonly histories: WorktreeHistories,
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
    const histories = await this.historiesOf(view, worktrees, default_branch, patience);
    const occupants = await occupantsOf(
      worktrees.map(({ path }) => path),
      this.git.root,
    );
    return eachInTurn(AT_ONCE, worktrees, async (worktree, at) => ({
      ...(await this.one(view, worktree, histories[at] ?? new GitFailed('unknown'), patience)),
      occupied: occupants[at] ?? null,
    }));
  }

  /** Of all at once; when that fails, one by one, so that one that is damaged does not hide the others. */
  private async historiesOf(
    view: SafeView,
    worktrees: readonly LinkedWorktree[],
    default_branch: string | null,
    signal: AbortSignal,
  ): Promise<(History | GitFailed)[]> {
    const read = (some: readonly LinkedWorktree[]): Promise<History[]> =>
      this.histories.read(view, some, default_branch, signal);
    const whole = await read(worktrees).catch((error: unknown) => failureIn(error, signal));
    if (!(whole instanceof GitFailed)) return whole;
    if (worktrees.length <= 1 || whole.reason === 'timeout') return worktrees.map(() => whole);
    return eachInTurn(AT_ONCE, worktrees, async (worktree) => {
      const alone = await read([worktree]).catch((error: unknown) => failureIn(error, signal));
      return alone instanceof GitFailed ? alone : (alone[0] ?? new GitFailed('unknown'));
    });
  }

  private async one(
    view: SafeView,
    worktree: LinkedWorktree,
    history: History | GitFailed,
    signal: AbortSignal,
  ): Promise<WorktreeState> {
    const state = { ...NOTHING_KNOWN, problem: worktree.problem };
    if (history instanceof GitFailed) return { ...state, problem: state.problem ?? history.detail };
    Object.assign(state, history);
    try {
      signal.throwIfAborted();
      if (worktree.problem !== null) return state;
      if (worktree.prunable !== null)
        return {
          ...state,
          changes: await this.changesWithout(view, worktree, signal),
          ...{ size_bytes: 0, changed_at: await lastUseOf(worktree.folder) },
        };
      state.changes = await this.changes(view, worktree, signal);
      const size = await measureTree(worktree.path, signal);
      return { ...state, size_bytes: size?.bytes ?? null, changed_at: size?.changed_at ?? null };
    } catch (error) {
      // Whoever works in the repository may remove it at this moment.
      if (codeOf(error) === 'ENOENT') return { ...state, problem: GONE_MEANWHILE };
      return { ...state, problem: failureIn(error, signal).detail };
    }
  }

  /** Without its directory what is staged is left of it. */
  private async changesWithout(view: SafeView, worktree: LinkedWorktree, signal: AbortSignal): Promise<Changes> {
    const apart = await keptApart(worktree.folder, signal);
    const changes: Changes = { ...nothingThere(), ...apart };
    if ((await lstat(inFolder(worktree.folder, 'index')).catch(nullIfNothing)) === null) return changes;
    const { directory } = await this.viewOf(view, worktree);
    const staged = await this.git.run({ directory, args: stagedIn(worktree), signal, max_bytes: MOST_LISTED });
    for (const path of readStagedPaths(staged, { links_only: false })) addFile(changes, path);
    return changes;
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
    const index = await readPlainFile(join(own.directory, 'index'), LARGEST_READ);
    const { nested, hidden } =
      (index && readPlainIndex(index)) ?? readStaged(await git(['ls-files', '-v', '--stage', '-z'], MOST_LISTED));
    // Files that git was told not to look at are looked at all the same. Its exit code only says that some differ.
    if (hidden)
      await git(['update-index', '-q', '--really-refresh']).catch((error: unknown) => {
        if (!(error instanceof GitFailed) || error.reason !== 'unknown') throw error;
      });
    // Git would start in repositories inside the work tree and obey their configuration: it must not look at them.
    const status = ['status', '--porcelain', '-z', '--no-renames', '--untracked-files=normal', '--ignored=matching'];
    const changes = readChanges(await git([...status, '--ignore-submodules=all'], MOST_LISTED));
    if (nested.length > 0)
      for (const path of readStagedPaths(await git(stagedIn(worktree), MOST_LISTED), { links_only: true }))
        addFile(changes, path);
    for (const path of await replacedOf(worktree.path, nested)) addFile(changes, path);
    const inside = await findRepositories(worktree.path, signal);
    const bare = inside.bare.length === 0 ? [] : await this.loose(inside.bare, git);
    const all = [...(await filledOf(worktree.path, nested)), ...inside.worked.map(shown), ...bare.map(shown)];
    return {
      ...changes,
      nested: [...new Set(all)],
      unseen: inside.unseen,
      ...(await keptApart(worktree.folder, signal)),
    };
  }

  /** Those whose files are not committed, as they are where somebody has some for tests. */
  private async loose(
    bare: readonly Buffer[],
    git: (args: string[], most: number) => Promise<Buffer>,
  ): Promise<Buffer[]> {
    const committed = new Set((await git(['ls-files', '-z'], MOST_LISTED)).toString('latin1').split('\0'));
    return bare.filter((path) => !committed.has(`${path.toString('latin1')}/HEAD`));
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
    // Not info/exclude: it is one person's word, not the project's, that nobody needs what it names.
    const attributes = await readPlainFile(join(view.place.common, 'info/attributes'), LARGEST_ATTRIBUTES);
    if (attributes !== null) await writeFile(to('info/attributes'), attributes);
    return own;
  }
}

const nothingThere = (): Changes => ({
  ...{ files: [], count: 0, ignored: { files: [], count: 0 } },
  ...{ nested: [], unseen: null, modules: [], operation: null },
});

/** Arguments that tell what is staged. Nothing in the work tree is looked at for that. */
const stagedIn = ({ head_sha }: LinkedWorktree): string[] => [
  ...['diff-index', '--cached', '--raw', '-z', '--no-renames', '--ignore-submodules=none', head_sha ?? NO_FILES, '--'],
];

/** Throws what is no failure of git or of the disk; and GitFailed when the caller is gone. */
function failureIn(error: unknown, signal: AbortSignal): GitFailed {
  if (signal.aborted && !isOutOfTime(signal)) throw new GitFailed('aborted', { cause: error });
  const fault = signal.aborted ? new GitFailed('timeout') : error;
  if (fault instanceof GitFailed) return fault;
  if (isOfSystem(fault)) return new GitFailed('unknown', { cause: fault }, { detail: `${UNREAD} ${codeOf(fault)}.` });
  throw fault;
}

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

/** What is in the folder of a work tree, wherever the work tree itself is. */
async function keptApart(folder: BytePath, signal: AbortSignal): Promise<Pick<Changes, 'modules' | 'operation'>> {
  const place = inFolder(folder, 'modules');
  const { bare, worked } = await findRepositories(place, signal);
  const modules = [...bare, ...worked];
  // Something is there that is not what git puts there.
  if (modules.length === 0) modules.push(...((await entriesOf(place)) ?? [bytePath('modules')]));
  return { modules: modules.map(shown).sort(), operation: await operationOf(folder) };
}

/** Where other repositories should be, and something else is: git passes that over. */
async function replacedOf(root: BytePath, paths: readonly Buffer[]): Promise<Buffer[]> {
  const replaced = await Promise.all(
    paths.map(async (path) => {
      const status = await lstat(inFolder(root, path)).catch(nullIfNothing);
      return status !== null && !status.isDirectory();
    }),
  );
  return paths.filter((_, at) => replaced[at]);
}

/** None where there is nothing; null where they cannot be read. */
async function entriesOf(path: BytePath): Promise<Buffer[] | null> {
  return readdir(path, { encoding: 'buffer' }).catch((error: unknown) => (isOfNothing(error) ? [] : null));
}

/** Repositories inside the work tree that have been filled. */
async function filledOf(root: BytePath, paths: readonly Buffer[]): Promise<string[]> {
  const filled: string[] = [];
  for (const path of paths) {
    const names = await entriesOf(inFolder(root, path));
    // What cannot be read may hold anything.
    if (names?.length !== 0) filled.push(shown(path));
  }
  return filled;
}

async function operationOf(folder: BytePath): Promise<string | null> {
  for (const [name, operation] of OPERATIONS)
    if ((await lstat(inFolder(folder, bytePath(name))).catch(() => null)) !== null) return operation;
  return null;
}
