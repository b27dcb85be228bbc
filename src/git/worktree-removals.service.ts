import { lstat, open, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, Logger } from '@nestjs/common';
import { folderOf, inFolder, shown, type BytePath } from './byte-path.js';
import { codeOf } from './error-code.js';
import { GitFailed, WorktreeBusy, WorktreeNotRemovable } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { asideOf, leadsBack, LocalWorktrees, type LinkedWorktree } from './local-worktrees.service.js';
import { withMirrorLock } from './mirror-lock.js';
import { atMost } from './patience.js';
import type { SafeView } from './safe-views.js';
import { WorktreeStates, type WorktreeState } from './worktree-states.service.js';

/** Git's own lock of what is staged: while it is there, nothing is added, committed or checked out. */
const INDEX_LOCK = 'index.lock';
const OWN_MARK = 'miyabi\n';
const LOCK_PATIENCE_MS = 4000;
/** What an answer waits for the files to be deleted; they are out of the way by then. */
const DELETION_PATIENCE_MS = 1500;

/** Decides by what a work tree holds whether it may go; throws when it may not. */
export type Judge = (state: WorktreeState, linked: LinkedWorktree) => Promise<void> | void;

export interface RemovalPlan {
  local_path: string;
  default_branch: string | null;
  /** Which one; throws when it is not among them. */
  choose: (found: readonly LinkedWorktree[]) => LinkedWorktree;
  judge: Judge;
  signal: AbortSignal;
}

/**
 * Removes linked work trees. Not with `git worktree remove`: that looks into the work tree by the configuration of its
 * repository, which may start programs; and what is written between its look and its deletion is lost.
 */
@Injectable()
export class WorktreeRemovals {
  private readonly logger = new Logger(WorktreeRemovals.name);

  constructor(
    private readonly git: GitProcess,
    private readonly local: LocalWorktrees,
    private readonly states: WorktreeStates,
  ) {}

  /**
   * Removes one, if the judge agrees twice: to what it holds, and to what it holds once nobody finds it by its path any
   * more. Gives it as it was. Throws what `choose` and `judge` throw, WorktreeBusy, WorktreeNotRemovable, GitFailed.
   */
  async remove(plan: RemovalPlan): Promise<LinkedWorktree> {
    return this.alone(plan.local_path, async (view) => {
      const linked = plan.choose(await this.local.listIn(view, plan.signal));
      await this.dismiss(view, linked, plan);
      return linked;
    });
  }

  /** Runs work on the work trees of a repository while no other process of this installation does. */
  async alone<T>(local_path: string, work: (view: SafeView) => Promise<T>): Promise<T> {
    return this.local.within(local_path, async (view) => {
      const { dev, ino } = await lstat(view.place.common);
      const lock = join(this.git.root, `.worktrees-${String(dev)}-${String(ino)}.lock`);
      return withMirrorLock(lock, LOCK_PATIENCE_MS, async () => {
        for (const linked of await this.local.listIn(view)) await this.restore(linked);
        return work(view);
      });
    });
  }

  private async dismiss(view: SafeView, linked: LinkedWorktree, plan: RemovalPlan): Promise<void> {
    if (linked.problem !== null) throw new WorktreeNotRemovable(linked.problem);
    const lock = inFolder(linked.folder, INDEX_LOCK);
    await take(lock);
    let aside: BytePath | null = null;
    try {
      await plan.judge(await this.look(view, linked, plan), linked);
      aside = linked.prunable === null ? await putAside(linked) : null;
      if (aside !== null) {
        const moved = { ...linked, path: aside };
        await plan.judge(await this.look(view, moved, plan), linked);
      }
    } catch (error) {
      if (aside !== null) await this.putBack(aside, linked.path);
      await rm(lock, { force: true });
      throw error;
    }
    // From here on git does not know it any more.
    await rm(linked.folder, { recursive: true, force: true });
    await rmdir(folderOf(linked.folder)).catch(() => undefined);
    if (aside !== null) await this.discard(aside);
  }

  private async look(view: SafeView, linked: LinkedWorktree, plan: RemovalPlan): Promise<WorktreeState> {
    const [state] = await this.states.look(view, [linked], plan.default_branch, plan.signal);
    if (state === undefined) throw new GitFailed('unknown');
    return state;
  }

  /** Large ones are deleted while nobody waits. */
  private async discard(aside: BytePath): Promise<void> {
    const deleting = rm(aside, { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) => {
      this.logger.warn({ err: error, path: shown(aside) }, 'the files of a removed work tree could not all be deleted');
    });
    await atMost(DELETION_PATIENCE_MS, deleting);
  }

  /** Brings back what a process that ended in the middle of a removal had put aside. */
  private async restore(linked: LinkedWorktree): Promise<void> {
    const aside = asideOf(linked);
    if (linked.prunable === null || !(await leadsBack(aside, linked.folder))) return;
    await this.putBack(aside, linked.path);
    const lock = inFolder(linked.folder, INDEX_LOCK);
    if ((await lstat(lock).catch(() => null))?.size === OWN_MARK.length) await rm(lock, { force: true });
  }

  private async putBack(aside: BytePath, path: BytePath): Promise<void> {
    try {
      // Onto something that was put there in the meantime this fails, as it should.
      await rename(aside, path);
    } catch (error) {
      this.logger.error({ err: error, aside: shown(aside), path: shown(path) }, 'a work tree could not be put back');
      throw new WorktreeNotRemovable(`Its files are kept beside its place, as ${shown(aside)}.`);
    }
  }
}

async function take(lock: BytePath): Promise<void> {
  try {
    const file = await open(lock, 'wx', 0o644);
    await file.writeFile(OWN_MARK).finally(() => file.close());
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw new WorktreeBusy();
    throw refusedByDisk(error);
  }
}

/** Puts it where nobody finds it by its path, and makes sure that it is what was put there. */
async function putAside(linked: LinkedWorktree): Promise<BytePath> {
  const aside = asideOf(linked);
  const before = await lstat(linked.path);
  if ((await lstat(aside).catch(() => null)) !== null)
    throw new WorktreeNotRemovable(`Something is in the way, at ${shown(aside)}.`);
  await rename(linked.path, aside).catch((error: unknown) => {
    throw refusedByDisk(error);
  });
  const after = await lstat(aside);
  if (after.ino === before.ino && after.dev === before.dev && (await leadsBack(aside, linked.folder))) return aside;
  await rename(aside, linked.path);
  throw new WorktreeBusy();
}

function refusedByDisk(error: unknown): unknown {
  if (!['EACCES', 'EPERM', 'EROFS', 'EBUSY'].includes(codeOf(error))) return error;
  return new WorktreeNotRemovable('The server may not write there.');
}
