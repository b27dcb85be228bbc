import { createHash } from 'node:crypto';
import { access, constants, lstat, mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { bytePath, folderOf, inFolder, shown, type BytePath } from './byte-path.js';
import { codeOf, isOfSystem, nullIfNothing } from './error-code.js';
import { GitFailed, LocalPathRefused } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { LocalPathsService, type RepositoryPlace } from './local-paths.service.js';
import { mountPoints } from './mounts.js';
import { readPlainFile } from './plain-file.js';
import { LOCK } from './removal-lock.js';
import { SafeViews, type OpenView, type SafeView } from './safe-views.js';
import { surroundedBy } from './surroundings.js';
import { readWorktreeEntries, type WorktreeEntry } from './worktree-entries.js';
import { readWorktreeList, type ListedWorktree } from './worktree-list.js';

/** A linked work tree of a repository on this host's disk. */
export interface LinkedWorktree {
  /** Its name in the repository, by which git knows it. */
  name: Buffer;
  /** Its folder in the git directory of the repository. */
  folder: BytePath;
  /** Where it is; links resolved where it is there. */
  path: BytePath;
  head_sha: string | null;
  branch: string | null;
  /** Why it is locked; null when it is not. */
  locked: string | null;
  /** Why git would forget it, its directory being gone; null when it would not. */
  prunable: string | null;
  /** Whether it is what the repository was registered by. */
  registered: boolean;
  created_at: Date;
  /** What lies in it that must not go with it; null when nothing does. */
  surrounds: string | null;
  /** Why it cannot be removed at this moment; null when it can. */
  hindered: string | null;
  /** Why nothing in it is looked at; null when it may be. */
  problem: string | null;
}

/** How the name of what is put aside begins. */
export const ASIDE = '.miyabi-removing-';
/** As long as it is seen by itself. */
type Unrelated = Omit<LinkedWorktree, 'surrounds' | 'hindered'>;

const LONGEST_LINK = 8192;
const NOT_PLAIN = 'What the repository keeps about it is not as git writes it.';
const AMBIGUOUS = 'The repository has two entries for this path.';
const NOT_IT = 'What is at its path is not this work tree.';
const OUTSIDE = 'It is outside of the directories that this server may read.';
const BEING_REMOVED = 'It is being removed.';
const GONE = 'its directory is gone';
const UNREACHED = 'It cannot be told what is at its path: the disk says';

/** Linked work trees of repositories on this host's disk. */
@Injectable()
export class LocalWorktrees {
  constructor(
    private readonly git: GitProcess,
    private readonly localPaths: LocalPathsService,
    private readonly views: SafeViews,
  ) {}

  /** All of a repository. Throws GitFailed, also where there is no repository any more. */
  async list(local_path: string, signal?: AbortSignal): Promise<LinkedWorktree[]> {
    return this.within(local_path, (view) => this.listIn(view, signal));
  }

  /** All of a repository, with a view of it that whoever asks for it closes. Throws GitFailed. */
  async open(local_path: string, signal?: AbortSignal): Promise<OpenView & { found: LinkedWorktree[] }> {
    const open = await this.views.open(await this.placeOf(local_path));
    try {
      return { ...open, found: await this.listIn(open.view, signal) };
    } catch (error) {
      await open.close();
      throw error;
    }
  }

  /** Runs work with a view of a repository. Throws GitFailed. */
  async within<T>(local_path: string, work: (view: SafeView) => Promise<T>): Promise<T> {
    return this.views.over(await this.placeOf(local_path), work);
  }

  /** All of the repository of a view. Throws GitFailed. */
  async listIn(view: SafeView, signal?: AbortSignal): Promise<LinkedWorktree[]> {
    const entries = await readWorktreeEntries(view.place.common);
    await showEntries(view, entries);
    const args = ['worktree', 'list', '--porcelain', '-z'];
    const output = await this.git.run({ directory: view.directory, args, signal });
    const listed = new Map(readWorktreeList(output).map((one) => [one.path.toString('latin1'), one]));
    const paths = entries.map(({ path }) => path.toString('latin1'));
    const found = await Promise.all(
      entries.map(async (entry, at) => {
        const key = entry.called.toString('latin1');
        const told = entry.plain ? (listed.get(key) ?? listed.get(paths[at] ?? '')) : undefined;
        const only = paths.indexOf(paths[at] ?? '') === paths.lastIndexOf(paths[at] ?? '');
        return this.describe(view.place, entry, told ?? null, only);
      }),
    );
    return this.withSurroundings(view.place, found);
  }

  /** Where a registered repository is now. Throws GitFailed: its path may lead elsewhere than it did. */
  async placeOf(local_path: string): Promise<RepositoryPlace> {
    try {
      return await this.localPaths.locate(local_path);
    } catch (error) {
      if (error instanceof LocalPathRefused) throw new GitFailed(error.reason, { cause: error });
      throw error;
    }
  }

  private async withSurroundings(place: RepositoryPlace, found: readonly Unrelated[]): Promise<LinkedWorktree[]> {
    const worktrees = found.filter(({ prunable }) => prunable === null).map(({ path }) => path);
    const surroundings = { place, root: this.git.root, worktrees, mounts: await mountPoints() };
    return Promise.all(
      found.map(async (one) => ({
        ...one,
        surrounds: await surroundedBy(one.path, surroundings),
        hindered: await hindranceOf(one),
      })),
    );
  }

  private async describe(
    place: RepositoryPlace,
    entry: WorktreeEntry,
    told: ListedWorktree | null,
    only: boolean,
  ): Promise<Unrelated> {
    const { path, problem, gone } = await this.visit(entry);
    return {
      name: entry.name,
      folder: entry.folder,
      path,
      head_sha: told?.head_sha ?? null,
      branch: told?.branch == null ? null : shown(told.branch),
      locked: told?.locked == null ? null : shown(told.locked),
      prunable: !gone ? null : told?.prunable == null ? GONE : shown(told.prunable),
      registered: path.equals(bytePath(place.path)),
      created_at: entry.created_at,
      problem: !entry.plain || told === null ? NOT_PLAIN : only ? problem : AMBIGUOUS,
    };
  }

  /** Goes to where an entry leads, which whoever writes in the repository may choose. */
  private async visit(entry: WorktreeEntry): Promise<{ path: BytePath; problem: string | null; gone: boolean }> {
    try {
      const path = await this.localPaths.below(entry.path);
      if (path === null) {
        const leaving = await leadsBack(asideOf(entry), entry.folder);
        return { path: entry.path, problem: leaving ? BEING_REMOVED : null, gone: true };
      }
      return { path, problem: (await leadsBack(path, entry.folder)) ? null : NOT_IT, gone: false };
    } catch (error) {
      const at = { path: entry.path, gone: false };
      if (error instanceof LocalPathRefused) return { ...at, problem: OUTSIDE };
      // A disk that is away, a share whose server does not answer: its work tree is not gone.
      if (isOfSystem(error)) return { ...at, problem: `${UNREACHED} ${codeOf(error)}.` };
      throw error;
    }
  }
}

/** What a removal would be refused for, whatever it holds. */
async function hindranceOf(linked: Unrelated): Promise<string | null> {
  const { folder, path, prunable } = linked;
  if ((await lstat(inFolder(folder, LOCK)).catch(nullIfNothing)) !== null)
    return 'git works in it, or was ended in it: index.lock is there';
  const places = [folder, folderOf(folder), ...(prunable === null ? [folderOf(path)] : [])];
  for (const place of places)
    if (
      !(await access(place, constants.W_OK).then(
        () => true,
        () => false,
      ))
    )
      return 'the server may not write there';
  const isInTheWay = prunable === null && (await lstat(asideOf(linked)).catch(nullIfNothing)) !== null;
  return isInTheWay ? `something is in the way, at ${shown(asideOf(linked))}` : null;
}

/** Where a work tree is put while it is looked at for the last time: beside its place, where nobody finds it by its path. */
export function asideOf({ path, folder }: Pick<WorktreeEntry, 'path' | 'folder'>): BytePath {
  const mark = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  return inFolder(folderOf(path), `${ASIDE}${mark}`);
}

/**
 * Whether a directory is the work tree of an entry: git writes into each where the other is. Throws what the disk says when
 * that leaves it open.
 */
export async function leadsBack(path: BytePath, folder: BytePath): Promise<boolean> {
  const target = await linkOf(path);
  if (target === null) return false;
  const [one, other] = await Promise.all([target, folder].map((each) => lstat(each).catch(nullIfNothing)));
  return one != null && other != null && one.isDirectory() && one.dev === other.dev && one.ino === other.ino;
}

/** The folder of the entry that a directory says it is the work tree of; null when it says nothing. Throws as above. */
export async function linkOf(path: BytePath): Promise<BytePath | null> {
  if (!(await lstat(path).catch(nullIfNothing))?.isDirectory()) return null;
  const link = await readPlainFile(inFolder(path, '.git'), LONGEST_LINK);
  const [, target] = /^gitdir: (.*?)\s*$/s.exec(link?.toString('latin1') ?? '') ?? [];
  if (target === undefined) return null;
  const named = Buffer.from(target, 'latin1');
  return target.startsWith('/') ? named : inFolder(path, named);
}

/** Lets git see the entries of the repository that are as it makes them. */
async function showEntries({ directory }: SafeView, entries: readonly WorktreeEntry[]): Promise<void> {
  const folder = join(directory, 'worktrees');
  // Those of the last look; the links go, not what they lead to.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  const plain = entries.filter((entry) => entry.plain);
  for (const entry of plain) await symlink(entry.folder, inFolder(bytePath(folder), entry.name));
}
