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
  /** Which ones; throws when they are not there. */
  choose: (found: readonly LinkedWorktree[]) => readonly LinkedWorktree[];
  judge: Judge;
  /** Whether somebody has just looked at them: the judge is then asked once alone, when nobody finds them any more. */
  looked: boolean;
  signal: AbortSignal;
}

/** What became of each: null when it is gone, else why it is not. */
export type Removed = ReadonlyMap<LinkedWorktree, unknown>;

/** One that git is kept out of. */
interface Held {
  linked: LinkedWorktree;
  lock: BytePath;
  /** Where its files are, once they are put aside. */
  aside: BytePath | null;
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
   * Removes those that the judge agrees to twice: to what each holds, and to what it holds once nobody finds it by its path
   * any more. Throws what `choose` throws, and GitFailed, with all of them where they were. Of each it tells what the judge
   * threw, WorktreeBusy, or WorktreeNotRemovable.
   */
  async remove(plan: RemovalPlan): Promise<Removed> {
    return this.alone(plan.local_path, async (view, found) => {
      const removed = new Map<LinkedWorktree, unknown>();
      const held: Held[] = [];
      try {
        for (const linked of plan.choose(found))
          await hold(linked).then(
            (one) => held.push(one),
            (error: unknown) => removed.set(linked, error),
          );
        const refuse = async (one: Held, error: unknown): Promise<void> => {
          held.splice(held.indexOf(one), 1);
          removed.set(one.linked, error);
          // When it cannot be put back that is the graver news.
          await this.release(one).catch((graver: unknown) => removed.set(one.linked, graver));
        };
        if (!plan.looked) await this.judge(view, plan, held, refuse);
        for (const one of [...held]) await putAside(one).catch((error: unknown) => refuse(one, error));
        await this.judge(view, plan, held, refuse);
      } catch (error) {
        for (const one of held) await this.release(one).catch(() => undefined);
        throw error;
      }
      await this.dismiss(held);
      for (const { linked } of held) removed.set(linked, null);
      return removed;
    });
  }

  /** Runs work on the work trees of a repository while no other process of this installation does. */
  async alone<T>(
    local_path: string,
    work: (view: SafeView, found: readonly LinkedWorktree[]) => Promise<T>,
  ): Promise<T> {
    return this.local.within(local_path, async (view) => {
      const { dev, ino } = await lstat(view.place.common);
      const lock = join(this.git.root, `.worktrees-${String(dev)}-${String(ino)}.lock`);
      return withMirrorLock(lock, LOCK_PATIENCE_MS, async () => {
        const found = await this.local.listIn(view);
        let restored = 0;
        for (const linked of found) if (await this.restore(linked)) restored += 1;
        return work(view, restored === 0 ? found : await this.local.listIn(view));
      });
    });
  }

  private async judge(
    view: SafeView,
    { default_branch, judge, signal }: RemovalPlan,
    held: readonly Held[],
    refuse: (one: Held, error: unknown) => Promise<void>,
  ): Promise<void> {
    const judged = [...held];
    const places = judged.map(({ linked, aside }) => (aside === null ? linked : { ...linked, path: aside }));
    const states = await this.states.look(view, places, default_branch, signal);
    for (const [at, one] of judged.entries()) {
      const state = states[at];
      if (state === undefined) throw new GitFailed('unknown');
      try {
        await judge(state, one.linked);
      } catch (error) {
        await refuse(one, error);
      }
    }
  }

  /** From here on git does not know them any more. */
  private async dismiss(held: readonly Held[]): Promise<void> {
    for (const { linked } of held) {
      await rm(linked.folder, { recursive: true, force: true });
      await rmdir(folderOf(linked.folder)).catch(() => undefined);
    }
    await Promise.all(held.flatMap(({ aside }) => (aside === null ? [] : [this.discard(aside)])));
  }

  /** As if nothing had been. */
  private async release({ linked, lock, aside }: Held): Promise<void> {
    try {
      if (aside !== null) await this.putBack(aside, linked.path);
    } finally {
      await rm(lock, { force: true });
    }
  }

  /** Large ones are deleted while nobody waits. */
  private async discard(aside: BytePath): Promise<void> {
    const deleting = rm(aside, { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) => {
      this.logger.warn({ err: error, path: shown(aside) }, 'the files of a removed work tree could not all be deleted');
    });
    await atMost(DELETION_PATIENCE_MS, deleting);
  }

  /** Brings back what a process that ended in the middle of a removal had put aside. */
  private async restore(linked: LinkedWorktree): Promise<boolean> {
    const aside = asideOf(linked);
    if (linked.prunable === null || !(await leadsBack(aside, linked.folder))) return false;
    await this.putBack(aside, linked.path);
    const lock = inFolder(linked.folder, INDEX_LOCK);
    if ((await lstat(lock).catch(() => null))?.size === OWN_MARK.length) await rm(lock, { force: true });
    return true;
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

async function hold(linked: LinkedWorktree): Promise<Held> {
  if (linked.problem !== null) throw new WorktreeNotRemovable(linked.problem);
  const lock = inFolder(linked.folder, INDEX_LOCK);
  try {
    const file = await open(lock, 'wx', 0o644);
    await file.writeFile(OWN_MARK).finally(() => file.close());
    return { linked, lock, aside: null };
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw new WorktreeBusy();
    throw refusedByDisk(error);
  }
}

/** Puts it where nobody finds it by its path, and makes sure that it is what was put there. */
async function putAside(held: Held): Promise<void> {
  const { linked } = held;
  // Without its directory there is nothing to put aside.
  if (linked.prunable !== null) return;
  const aside = asideOf(linked);
  const before = await lstat(linked.path);
  if ((await lstat(aside).catch(() => null)) !== null)
    throw new WorktreeNotRemovable(`Something is in the way, at ${shown(aside)}.`);
  await rename(linked.path, aside).catch((error: unknown) => {
    throw refusedByDisk(error);
  });
  const after = await lstat(aside);
  if (after.ino === before.ino && after.dev === before.dev && (await leadsBack(aside, linked.folder))) {
    held.aside = aside;
    return;
  }
  await rename(aside, linked.path);
  throw new WorktreeBusy();
}

function refusedByDisk(error: unknown): unknown {
  if (!['EACCES', 'EPERM', 'EROFS', 'EBUSY'].includes(codeOf(error))) return error;
  return new WorktreeNotRemovable('The server may not write there.');
}
