import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { organizationOf, type Principal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { DomainError } from '../domain-error.js';
import { EventsService } from '../events/events.service.js';
import type { EventType } from '../events/event-types.js';
import { withinGitTime } from '../git/git-time.js';
import { WorktreeNotFound } from '../git/git.errors.js';
import type { LinkedWorktree } from '../git/local-worktrees.service.js';
import { WorktreeRemovals, type Judge } from '../git/worktree-removals.service.js';
import { LeasesService } from '../queue/leases.service.js';
import { ofCheckout, type Worktree } from './worktree.js';
import { WorkerGone, WorktreeHoldsWork, WorktreeInUse, WorktreeUnread } from './worktree.errors.js';
import { decide, holdsWork, obstacleOf, occupation } from './worktree.policy.js';
import { WorktreeLists, type LocatedLinked } from './worktree-lists.service.js';
import { WorktreesStore, type CheckoutRow } from './worktrees.store.js';

/** How a removal is asked for. */
export interface RemovalWish {
  /** Whether it goes with what it holds. */
  force: boolean;
  /** In a clean-up: how long nobody must have used it. */
  unused_for_seconds?: number;
}

/** Null when it is gone; else it waits for its worker. */
export type Removal = Worktree | null;

/** Removal of worktrees: linked ones at once, those of workers by these. */
@Injectable()
export class Removals {
  constructor(
    private readonly store: WorktreesStore,
    private readonly lists: WorktreeLists,
    private readonly linked: WorktreeRemovals,
    private readonly leases: LeasesService,
    private readonly events: EventsService,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /**
   * Throws WorktreeNotFound, WorktreeInUse, WorktreeHoldsWork, WorktreeUnread, WorkerGone, WorktreeBusy,
   * WorktreeNotRemovable, GitNotHere and GitFailed.
   */
  async remove(principal: Principal, id: string, wish: RemovalWish, gone: AbortSignal): Promise<Removal> {
    const checkout = await this.store.findCheckout(organizationOf(principal), id);
    if (checkout === null) return this.removeLinked(principal, id, wish, gone);
    return this.removeCheckout(principal, checkout, wish);
  }

  /**
   * Removes linked work trees of one repository that somebody has looked at a moment ago. Of each it tells why it is not
   * gone, or null. Throws GitNotHere and GitFailed when none could be looked at again.
   */
  async removeSeen(
    principal: Principal,
    ids: readonly string[],
    wish: RemovalWish,
    gone: AbortSignal,
  ): Promise<Map<string, DomainError | null>> {
    const outcomes = new Map<string, DomainError | null>();
    const located: (LocatedLinked & { id: string })[] = [];
    for (const id of ids)
      await this.lists.locate(principal, id).then(
        (one) => located.push({ ...one, id }),
        (error: unknown) => outcomes.set(id, domainErrorIn(error)),
      );
    const [first] = located;
    if (first === undefined) return outcomes;
    const chosen = new Map<LinkedWorktree, LocatedLinked & { id: string }>();
    const seen = new Map<LinkedWorktree, Worktree>();
    const choose = (found: readonly LinkedWorktree[]): LinkedWorktree[] => {
      for (const one of located) {
        try {
          chosen.set(one.choose(found), one);
        } catch (error) {
          outcomes.set(one.id, domainErrorIn(error));
        }
      }
      return [...chosen.keys()];
    };
    const judge: Judge = async (state, linked) => {
      const one = chosen.get(linked);
      if (one === undefined) throw new WorktreeNotFound();
      const worktree = await this.lists.present(one, linked, state);
      seen.set(linked, worktree);
      assertMayGo(worktree, wish);
    };
    const { path: local_path, default_branch } = first.repository;
    const removed = await withinGitTime(gone, (signal) =>
      this.linked.remove({
        local_path,
        default_branch,
        choose,
        judge,
        looked: wish.unused_for_seconds !== undefined,
        signal,
      }),
    );
    const faults: unknown[] = [];
    // Whatever becomes of one, what happened to the others is told.
    for (const [linked, { id }] of chosen) {
      try {
        const failure = removed.get(linked);
        outcomes.set(id, failure === null ? null : domainErrorIn(failure));
        const worktree = seen.get(linked);
        if (failure === null && worktree !== undefined) await this.tellRemoved(principal, id, worktree, wish);
      } catch (error) {
        faults.push(error);
      }
    }
    if (faults.length > 0) throw faults[0];
    return outcomes;
  }

  private async tellRemoved(principal: Principal, id: string, worktree: Worktree, wish: RemovalWish): Promise<void> {
    await this.database.transaction(async () => {
      // A list may have found it gone, and told so, since its files went.
      const isNews = await this.store.forgetLinked(id);
      await this.tell(principal, worktree, isNews ? 'worktree.removed' : null, wish);
    });
  }

  private async removeLinked(principal: Principal, id: string, wish: RemovalWish, gone: AbortSignal): Promise<null> {
    const failure = (await this.removeSeen(principal, [id], wish, gone)).get(id);
    if (failure != null) throw failure;
    return null;
  }

  private removeCheckout(
    principal: Principal,
    { id, worker_id }: Pick<CheckoutRow, 'id' | 'worker_id'>,
    wish: RemovalWish,
  ): Promise<Removal> {
    return this.database.transaction(async () => {
      // Its row is locked before all else that is the worker's.
      if (worker_id !== null) await this.leases.askForInventory(worker_id);
      const row = await this.store.lockCheckout(organizationOf(principal), id);
      if (row === null) throw new WorktreeNotFound();
      const worktree = ofCheckout(row, await this.store.now());
      assertMayGo(worktree, wish);
      if (worktree.abandoned) {
        if (!wish.force) throw new WorkerGone(worktree.path);
        await this.store.forgetCheckout(id);
        await this.tell(principal, worktree, 'worktree.removed', wish);
        return null;
      }
      const removal_requested_at = await this.store.requestRemoval(id, wish.force);
      if (worktree.removal_requested_at === null || wish.force)
        await this.tell(principal, worktree, 'worktree.removal_requested', wish);
      return { ...worktree, removal_requested_at };
    });
  }

  private async tell(
    principal: Principal,
    worktree: Worktree,
    type: EventType | null,
    { force }: RemovalWish,
  ): Promise<void> {
    const organization_id = organizationOf(principal);
    const { id: worktree_id, kind, path, branch, head_sha, repository_id, worker_id, execution_id } = worktree;
    const of = {
      worktree_id,
      ...(repository_id === null ? {} : { repository_id }),
      ...(worker_id === null ? {} : { worker_id }),
    };
    const subject = { ...of, ...(execution_id === null ? {} : { execution_id }) };
    const data = {
      kind,
      path,
      branch,
      head_sha,
      forced: force,
      lost: force ? worktree.would_lose : worktree.goes_along,
    };
    if (type !== null) await this.events.record({ organization_id, type, actor: principal.actor, subject, data });
    const action = 'worktree.removed';
    await this.audit.record({ organization_id, actor: principal.actor, action, subject: of, data });
  }
}

/** Throws what is none. */
function domainErrorIn(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  throw error;
}

/** Throws why it must stay. */
function assertMayGo(worktree: Worktree, { force, unused_for_seconds }: RemovalWish): void {
  const obstacle = obstacleOf(worktree);
  if (obstacle !== null) throw new WorktreeInUse(obstacle);
  const { occupied } = worktree;
  if (!force && occupied !== null)
    throw new WorktreeInUse(`${occupation(occupied)}; with force=true it goes all the same`);
  if (!force && worktree.problem !== null) throw new WorktreeUnread(worktree.problem);
  if (!force && holdsWork(worktree)) throw new WorktreeHoldsWork(worktree.would_lose);
  if (unused_for_seconds === undefined) return;
  // It may have been used since the clean-up looked.
  const { remove, because } = decide(worktree, unused_for_seconds);
  if (!remove) throw new WorktreeInUse(because);
}
