import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, Logger } from '@nestjs/common';
import { bytePath, shown } from './byte-path.js';
import { discard, findDismissed, type Dismissed } from './dismissed-worktrees.js';
import { GitFailed } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { HeldWorktree, restore } from './held-worktree.js';
import { LocalPathsService } from './local-paths.service.js';
import { LocalWorktrees, type LinkedWorktree } from './local-worktrees.service.js';
import { withMirrorLock } from './mirror-lock.js';
import { atMost } from './patience.js';
import { RemovalLock } from './removal-lock.js';
import { RemovalRecords } from './removal-records.js';
import type { SafeView } from './safe-views.js';
import { WorktreeStates, type WorktreeState } from './worktree-states.service.js';

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

/**
 * Removes linked work trees. Not with `git worktree remove`: that looks into the work tree by the configuration of its
 * repository, which may start programs; and what is written between its look and its deletion is lost.
 */
@Injectable()
export class WorktreeRemovals {
  private readonly logger = new Logger(WorktreeRemovals.name);

  constructor(
    private readonly git: GitProcess,
    private readonly paths: LocalPathsService,
    private readonly local: LocalWorktrees,
    private readonly states: WorktreeStates,
    private readonly records: RemovalRecords,
  ) {}

  /**
   * Removes those that the judge agrees to twice: to what each holds, and to what it holds once nobody finds it by its path
   * any more. Throws what `choose` throws, and GitFailed, with all of them where they were. Of each it tells what the judge
   * threw, WorktreeBusy, WorktreeNotFound, or WorktreeNotRemovable.
   */
  async remove(plan: RemovalPlan): Promise<Removed> {
    return this.alone(plan.local_path, async (view, found) => {
      const end = await this.records.begin(plan.local_path);
      const removed = new Map<LinkedWorktree, unknown>();
      const held: HeldWorktree[] = [];
      const refuse = async (one: HeldWorktree, error: unknown): Promise<void> => {
        held.splice(held.indexOf(one), 1);
        removed.set(one.linked, error);
        // When it cannot be put back that is the graver news.
        await one.release().catch((graver: unknown) => removed.set(one.linked, graver));
      };
      try {
        for (const linked of plan.choose(found))
          await HeldWorktree.hold(linked, this.locks).then(
            (one) => held.push(one),
            (error: unknown) => removed.set(linked, error),
          );
        if (!plan.looked) await this.judge(view, plan, held, refuse);
        for (const one of [...held]) await one.putAside().catch((error: unknown) => refuse(one, error));
        await this.judge(view, plan, held, refuse);
      } catch (error) {
        for (const one of held) await one.release().catch(() => undefined);
        await end();
        throw error;
      }
      const dismissed: Dismissed[] = [];
      for (const one of [...held])
        await one.dismiss(bytePath(view.place.common)).then(
          (left) => dismissed.push(...(left === null ? [] : [left])),
          (error: unknown) => refuse(one, error),
        );
      // Large ones are deleted while nobody waits.
      await atMost(DELETION_PATIENCE_MS, Promise.all(dismissed.map(discard)).finally(end));
      for (const { linked } of held) removed.set(linked, null);
      return removed;
    });
  }

  /** Runs work on the work trees of a repository while no other process of this installation does. */
  async alone<T>(
    local_path: string,
    work: (view: SafeView, found: readonly LinkedWorktree[]) => Promise<T>,
    patience_ms = LOCK_PATIENCE_MS,
  ): Promise<T> {
    return this.local.within(local_path, async (view) => {
      const { dev, ino } = await lstat(view.place.common);
      const lock = join(this.git.root, `.worktrees-${String(dev)}-${String(ino)}.lock`);
      return withMirrorLock(lock, patience_ms, async () => {
        const found = await this.local.listIn(view);
        return work(view, (await this.settle(view, found)) ? await this.local.listIn(view) : found);
      });
    });
  }

  /** Brings to an end, one way or the other, what a process has left in the middle; tells whether something is back. */
  private async settle(view: SafeView, found: readonly LinkedWorktree[]): Promise<boolean> {
    let restored = 0;
    for (const linked of found)
      try {
        if (await restore(linked, this.locks)) restored += 1;
      } catch (error) {
        // It stays where it is, and the others are not to wait for whoever is in the way.
        this.logger.warn({ err: error, name: shown(linked.name) }, 'a work tree has not been brought back');
      }
    const left = await findDismissed(bytePath(view.place.common), this.paths);
    if (left.length > 0) await atMost(DELETION_PATIENCE_MS, Promise.all(left.map(discard)));
    return restored > 0;
  }

  private get locks(): RemovalLock {
    return new RemovalLock(this.git.root);
  }

  private async judge(
    view: SafeView,
    { default_branch, judge, signal }: RemovalPlan,
    held: readonly HeldWorktree[],
    refuse: (one: HeldWorktree, error: unknown) => Promise<void>,
  ): Promise<void> {
    const judged = [...held];
    const places = judged.map(({ place }) => place);
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
}
