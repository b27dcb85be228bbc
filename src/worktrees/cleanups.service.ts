import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { DomainError } from '../domain-error.js';
import { GitFailed } from '../git/git.errors.js';
import { Removals, type RemovalWish } from './removals.service.js';
import type { Worktree } from './worktree.js';
import { decide, UNUSED_FOR_SECONDS, type CleanupOutcome } from './worktree.policy.js';
import type { UnreadRepository } from '../repositories/repository-reader.service.js';
import { WorktreeLists, type WorktreeListInput } from './worktree-lists.service.js';

/** No removal is begun later than this: the answer is due. */
const BEGIN_WITHIN_MS = 3000;
/** All of them are out of their places until the last has been looked at. */
const MOST_TOGETHER = 10;

export interface CleanupInput extends WorktreeListInput {
  dry_run: boolean;
  unused_for_seconds?: number;
}

export interface CleanedWorktree {
  worktree: Worktree;
  remove: boolean;
  because: string;
  outcome: CleanupOutcome;
}

export interface Cleanup {
  decisions: CleanedWorktree[];
  next_cursor: string | null;
  unread: UnreadRepository[];
}

/** What came of a removal, and why when it came to nothing. */
type End = Pick<CleanedWorktree, 'outcome'> & Partial<Pick<CleanedWorktree, 'because'>>;

/** Decides for each worktree whether it may go, and has it go. */
@Injectable()
export class Cleanups {
  constructor(
    private readonly lists: WorktreeLists,
    private readonly removals: Removals,
  ) {}

  /** One page of the list. A dry run decides the same and leaves out the last step. Throws as the list does. */
  async run(principal: Principal, input: CleanupInput, gone: AbortSignal): Promise<Cleanup> {
    const until = performance.now() + BEGIN_WITHIN_MS;
    const { unused_for_seconds = UNUSED_FOR_SECONDS, dry_run } = input;
    const { items, next_cursor, unread } = await this.lists.list(principal, input, gone);
    const decided = items.map((worktree) => ({ worktree, ...decide(worktree, unused_for_seconds) }));
    const going = dry_run ? [] : decided.filter(({ remove }) => remove).map(({ worktree }) => worktree);
    const ends = new Map<string, End>();
    for (const some of bundlesOf(going)) {
      if (performance.now() > until) break;
      const wish = { force: false, unused_for_seconds };
      for (const [id, end] of await this.removeAll(principal, some, wish, gone)) ends.set(id, end);
    }
    const decisions = decided.map(({ worktree, remove, because }): CleanedWorktree => {
      if (!remove) return { worktree, remove, because, outcome: 'kept' };
      if (dry_run) return { worktree, remove, because, outcome: 'would_be_removed' };
      return { worktree, remove, because, ...(ends.get(worktree.id) ?? { outcome: 'postponed' }) };
    });
    return { decisions, next_cursor, unread };
  }

  /** Those of one repository, or one of a worker. What there was no time for is left out. */
  private async removeAll(
    principal: Principal,
    worktrees: readonly Worktree[],
    wish: RemovalWish,
    gone: AbortSignal,
  ): Promise<Map<string, End>> {
    const ends = new Map<string, End>();
    const refused = (id: string, { detail }: DomainError): unknown =>
      ends.set(id, { outcome: 'refused', because: detail });
    try {
      const [first] = worktrees;
      if (first?.kind === 'checkout') {
        const waits = await this.removals.remove(principal, first.id, wish, gone);
        return ends.set(first.id, { outcome: waits === null ? 'removed' : 'requested' });
      }
      const ids = worktrees.map(({ id }) => id);
      for (const [id, failure] of await this.removals.removeSeen(principal, ids, wish, gone))
        if (failure === null) ends.set(id, { outcome: 'removed' });
        else if (!isLate(failure)) refused(id, failure);
    } catch (error) {
      if (!(error instanceof DomainError) || gone.aborted) throw error;
      if (!isLate(error)) for (const { id } of worktrees) refused(id, error);
    }
    return ends;
  }
}

const isLate = (error: DomainError): boolean => error instanceof GitFailed && error.reason === 'timeout';

/** What is removed together: linked ones of a repository, as it costs little more than to remove one; others alone. */
function bundlesOf(worktrees: readonly Worktree[]): Worktree[][] {
  const bundles: Worktree[][] = [];
  for (const worktree of worktrees) {
    const same = bundles.findLast(([one]) => one?.kind === 'linked' && one.repository_id === worktree.repository_id);
    if (worktree.kind === 'linked' && same !== undefined && same.length < MOST_TOGETHER) same.push(worktree);
    else bundles.push([worktree]);
  }
  return bundles;
}
