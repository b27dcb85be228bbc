import { randomBytes } from 'node:crypto';
import { copyFile, lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Injectable, Logger } from '@nestjs/common';
import { bytePath, type BytePath } from './byte-path.js';
import { CommitsService } from './commits.service.js';
import { codeOf } from './error-code.js';
import { BranchInUse, NoPlaceForWorktree, RefNotFound } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { LocalPathsService, type RepositoryPlace } from './local-paths.service.js';
import { LocalWorktrees } from './local-worktrees.service.js';
import { readPlainFile } from './plain-file.js';
import type { SafeView } from './safe-views.js';
import { WorktreeRemovals } from './worktree-removals.service.js';
import { WorktreeStates } from './worktree-states.service.js';

/** Below the root that the repository lies below, so that nothing of ours is inside of anything of theirs. */
const FOLDER = '.miyabi-worktrees';
/** What an answer waits for the files to be there; large repositories go on without it. */
const PATIENCE_MS = 2500;
const CHECKOUT_MS = 10 * 60_000;
const LOCKED = 'being checked out by the control plane';
const NO_SHA = '0'.repeat(40);
const LONGEST_SLUG = 40;

export interface AdditionPlan {
  local_path: string;
  /** Of its own, or one that is there; without it the work tree is detached. */
  branch: string | null;
  /** Where a new branch, or a detached work tree, starts. */
  base_ref: string;
}

/** An entry of the repository that has been made, and where its work tree is. */
interface Made {
  /** Its name in the repository. */
  name: string;
  folder: string;
  path: string;
  sha: string;
  /** The branch that was made for it. */
  made_branch: string | null;
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
  ) {}

  /**
   * Adds one and gives its name in the repository. When there are many files they come later; it is locked until then.
   * Throws RefNotFound, BranchInUse, NoPlaceForWorktree, GitNotHere and GitFailed.
   */
  async add(plan: AdditionPlan): Promise<string> {
    const made = await this.removals.alone(plan.local_path, (view) => this.make(view, plan));
    const filling = this.local.within(plan.local_path, (view) => this.fill(view, made));
    const failed = filling.then(
      () => null,
      async (error: unknown) => {
        this.logger.warn({ err: error, path: made.path }, 'a work tree could not be checked out');
        await this.unmake(plan.local_path, made);
        return { error };
      },
    );
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<null>((resolve) => (timer = setTimeout(resolve, PATIENCE_MS, null)));
    const failure = await Promise.race([failed, patience]).finally(() => clearTimeout(timer));
    if (failure !== null) throw failure.error;
    return made.name;
  }

  private async make(view: SafeView, { branch, base_ref }: AdditionPlan): Promise<Made> {
    const { place } = view;
    const present = branch === null ? null : await this.tipOf(view, branch);
    if (branch !== null && present !== null && (await this.isCheckedOut(view, branch))) throw new BranchInUse(branch);
    const sha = present ?? (await this.commits.resolve(view.directory, base_ref));
    const slug = (branch ?? 'detached').replace(/[^A-Za-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
    const name = `${slug.slice(0, LONGEST_SLUG) || 'worktree'}-${randomBytes(4).toString('hex')}`;
    const folder = join(place.common, 'worktrees', name);
    const path = join(await this.folderFor(place), name);
    const made: Made = { name, folder, path, sha, made_branch: present === null ? branch : null };
    try {
      await mkdir(path);
      await mkdir(join(place.common, 'worktrees')).catch(ignoring('EEXIST'));
      // A link in its place would have us write elsewhere.
      if (!(await lstat(join(place.common, 'worktrees'))).isDirectory()) throw new NoPlaceForWorktree();
      await mkdir(folder);
      if (made.made_branch !== null) {
        const args = ['update-ref', '--no-deref', `refs/heads/${made.made_branch}`, sha, NO_SHA];
        await this.git.run({ directory: view.directory, args });
      }
      await writeFile(join(folder, 'locked'), `${LOCKED}\n`);
      await writeFile(join(folder, 'HEAD'), branch === null ? `${sha}\n` : `ref: refs/heads/${branch}\n`);
      await writeFile(join(folder, 'commondir'), '../..\n');
      await writeFile(join(path, '.git'), `gitdir: ${folder}\n`);
      await writeFile(join(folder, 'gitdir'), `${join(path, '.git')}\n`);
    } catch (error) {
      await this.clear(view, made);
      throw isRefusedByDisk(error) ? new NoPlaceForWorktree() : error;
    }
    return made;
  }

  /** Brings the files, by a configuration in which there are no filters and no hooks. */
  private async fill(view: SafeView, { folder, path, sha }: Made): Promise<void> {
    const own = await this.states.viewOf(view, { folder: bytePath(folder), path: bytePath(path), head_sha: sha });
    const args = [`--work-tree=${join(own.directory, 'work')}`, 'read-tree', '--reset', '-u', sha];
    await this.git.run({ directory: own.directory, args, timeout_ms: CHECKOUT_MS });
    await copyFile(join(own.directory, 'index'), join(folder, 'index'));
    await rm(join(folder, 'locked'), { force: true });
  }

  private async unmake(local_path: string, made: Made): Promise<void> {
    await this.local
      .within(local_path, (view) => this.clear(view, made))
      .catch((error: unknown) => this.logger.error({ err: error, path: made.path }, 'a failed work tree was left'));
  }

  private async clear(view: SafeView, { folder, path, made_branch, sha }: Made): Promise<void> {
    await rm(folder, { recursive: true, force: true });
    await rm(path, { recursive: true, force: true });
    if (made_branch === null) return;
    // Only while it is where it was put; it may never have been.
    const args = ['update-ref', '--no-deref', '-d', `refs/heads/${made_branch}`, sha];
    await this.git.run({ directory: view.directory, args }).catch(() => undefined);
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
