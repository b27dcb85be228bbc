import { randomBytes } from 'node:crypto';
import { copyFile, lstat, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Injectable, Logger } from '@nestjs/common';
import { BegunWorktrees, LOCKED, type Begun, type BegunWorktree } from './begun-worktrees.service.js';
import { bytePath, type BytePath } from './byte-path.js';
import { CommitsService } from './commits.service.js';
import { codeOf } from './error-code.js';
import { BranchInUse, NoPlaceForWorktree, RefNotFound } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { LocalPathsService, type RepositoryPlace } from './local-paths.service.js';
import { LocalWorktrees } from './local-worktrees.service.js';
import { atMost } from './patience.js';
import { readPlainFile } from './plain-file.js';
import type { SafeView } from './safe-views.js';
import { WorktreeRemovals } from './worktree-removals.service.js';
import { WorktreeStates } from './worktree-states.service.js';

/** Below the root that the repository lies below, so that nothing of ours is inside of anything of theirs. */
const FOLDER = '.miyabi-worktrees';
/** What an answer waits for the files to be there; large repositories go on without it. */
const PATIENCE_MS = 2500;
const CHECKOUT_MS = 10 * 60_000;
const NO_SHA = '0'.repeat(40);
const LONGEST_SLUG = 40;

export interface AdditionPlan {
  local_path: string;
  /** Of its own, or one that is there; without it the work tree is detached. */
  branch: string | null;
  /** Where a new branch, or a detached work tree, starts. */
  base_ref: string;
}

export interface Added {
  /** Its name in the repository. */
  name: string;
  /** Resolves when all of its files are there, with false; with true when that failed and it has been cleared away. */
  cleared: Promise<boolean>;
}

/**
 * Adds linked work trees. Not with `git worktree add`: that checks out by the configuration of the repository, whose
 * filters and hooks may start programs. Files are checked out as they were committed: what a filter would make of them,
 * as of large files that are kept elsewhere, they are not.
 */
@Injectable()
export class WorktreeAdditions {
  private readonly logger = new Logger(WorktreeAdditions.name);

  constructor(
    private readonly git: GitProcess,
    private readonly localPaths: LocalPathsService,
    private readonly local: LocalWorktrees,
    private readonly removals: WorktreeRemovals,
    private readonly states: WorktreeStates,
    private readonly commits: CommitsService,
    private readonly begun: BegunWorktrees,
  ) {}

  /**
   * Adds one. When there are many files they come later; it is locked until then.
   * Of one that fails, or that a process leaves in the middle, nothing stays.
   * Throws RefNotFound, BranchInUse, NoPlaceForWorktree, GitNotHere and GitFailed.
   */
  async add(plan: AdditionPlan): Promise<Added> {
    const slug = (plan.branch ?? 'detached').replace(/[^A-Za-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
    const name = `${slug.slice(0, LONGEST_SLUG) || 'worktree'}-${randomBytes(4).toString('hex')}`;
    const begun = await this.begun.begin(name);
    let made: BegunWorktree;
    try {
      made = await this.removals.alone(plan.local_path, (view) => this.make(view, plan, name, begun));
    } catch (error) {
      await begun.abandon();
      throw error;
    }
    const failed = this.local
      .within(plan.local_path, (view) => this.fill(view, made))
      .then(
        async () => {
          await begun.finish();
          return null;
        },
        async (error: unknown) => {
          this.logger.warn({ err: error, path: made.path }, 'a work tree could not be checked out');
          await begun.abandon();
          return { error };
        },
      );
    const failure = await atMost(PATIENCE_MS, failed);
    if (failure) throw failure.error;
    return { name, cleared: failed.then((later) => later !== null) };
  }

  /** Notes what it makes before it makes it. */
  private async make(view: SafeView, plan: AdditionPlan, name: string, { note }: Begun): Promise<BegunWorktree> {
    const { place } = view;
    const { local_path, branch, base_ref } = plan;
    const present = branch === null ? null : await this.tipOf(view, branch);
    if (branch !== null && present !== null && (await this.isCheckedOut(view, branch))) throw new BranchInUse(branch);
    const sha = present ?? (await this.commits.resolve(view.directory, base_ref));
    const folder = join(place.common, 'worktrees', name);
    const path = join(await this.folderFor(place), name);
    const made_branch = present === null ? branch : null;
    const planned: BegunWorktree = { local_path, folder, path, made: null, sha, made_branch };
    await note(planned);
    try {
      await mkdir(path);
      const { dev, ino } = await lstat(path);
      const made = { ...planned, made: { dev, ino } };
      await note(made);
      await mkdir(join(place.common, 'worktrees')).catch(ignoring('EEXIST'));
      // A link in its place would have us write elsewhere.
      if (!(await lstat(join(place.common, 'worktrees'))).isDirectory()) throw new NoPlaceForWorktree();
      await mkdir(folder);
      await writeFile(join(folder, 'locked'), `${LOCKED}\n`);
      if (made_branch !== null) {
        const args = ['update-ref', '--no-deref', `refs/heads/${made_branch}`, sha, NO_SHA];
        await this.git.run({ directory: view.directory, args });
      }
      await writeFile(join(folder, 'HEAD'), branch === null ? `${sha}\n` : `ref: refs/heads/${branch}\n`);
      await writeFile(join(folder, 'commondir'), '../..\n');
      await writeFile(join(path, '.git'), `gitdir: ${folder}\n`);
      await writeFile(join(folder, 'gitdir'), `${join(path, '.git')}\n`);
      return made;
    } catch (error) {
      throw isRefusedByDisk(error) ? new NoPlaceForWorktree() : error;
    }
  }

  /** Brings the files, by a configuration in which there are no filters and no hooks. */
  private async fill(view: SafeView, { folder, path, sha }: BegunWorktree): Promise<void> {
    const own = await this.states.viewOf(view, { folder: bytePath(folder), path: bytePath(path), head_sha: sha });
    const args = [`--work-tree=${join(own.directory, 'work')}`, 'read-tree', '--reset', '-u', sha];
    await this.git.run({ directory: own.directory, args, timeout_ms: CHECKOUT_MS });
    // Whole or not at all: with it the work tree is one.
    await copyFile(join(own.directory, 'index'), join(folder, 'index.miyabi'));
    await rename(join(folder, 'index.miyabi'), join(folder, 'index'));
    await rm(join(folder, 'locked'), { force: true });
  }

  private async tipOf(view: SafeView, branch: string): Promise<string | null> {
    try {
      return await this.commits.resolve(view.directory, `refs/heads/${branch}`);
    } catch (error) {
      if (error instanceof RefNotFound) return null;
      throw error;
    }
  }

  private async isCheckedOut(view: SafeView, branch: string): Promise<boolean> {
    const { common } = view.place;
    const linked = await this.local.listIn(view);
    if (linked.some((one) => one.branch === branch)) return true;
    // A bare repository has a HEAD, and no work tree that it would be checked out in.
    const head: BytePath | null = basename(common) === '.git' ? await readPlainFile(join(common, 'HEAD'), 4096) : null;
    return head?.toString('utf8').trim() === `ref: refs/heads/${branch}`;
  }

  private async folderFor({ path, common }: RepositoryPlace): Promise<string> {
    const root = await this.localPaths.rootOf(path);
    if (root === path) throw new NoPlaceForWorktree();
    const { dev, ino } = await lstat(common);
    const folder = join(root, FOLDER, `${String(dev)}-${String(ino)}`);
    try {
      await mkdir(folder, { recursive: true });
    } catch (error) {
      throw isRefusedByDisk(error) ? new NoPlaceForWorktree() : error;
    }
    if ((await this.localPaths.below(bytePath(folder)))?.equals(bytePath(folder))) return folder;
    throw new NoPlaceForWorktree();
  }
}

const isRefusedByDisk = (error: unknown): boolean =>
  ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(codeOf(error));

const ignoring =
  (code: string) =>
  (error: unknown): void => {
    if (codeOf(error) !== code) throw error;
  };
