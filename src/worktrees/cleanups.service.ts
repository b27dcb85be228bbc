import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { DomainError } from '../domain-error.js';
import { Removals } from './removals.service.js';
import type { Worktree } from './worktree.js';
import { decide, UNUSED_FOR_SECONDS, type CleanupOutcome } from './worktree.policy.js';
import { WorktreeLists, type UnreadRepository, type WorktreeListInput } from './worktree-lists.service.js';

/** No removal is begun later than this: the answer is due. */
const BEGIN_WITHIN_MS = 3000;

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
    const decisions: CleanedWorktree[] = [];
    for (const worktree of items) {
      const decision = decide(worktree, unused_for_seconds);
      const outcome = (one: CleanedWorktree['outcome'], because = decision.because): void =>
        void decisions.push({ worktree, remove: decision.remove, because, outcome: one });
      if (!decision.remove) outcome('kept');
      else if (dry_run) outcome('would_be_removed');
      else if (performance.now() > until) outcome('postponed');
      else {
        try {
          const wish = { force: false, unused_for_seconds };
          const waits = await this.removals.remove(principal, worktree.id, wish, gone);
          outcome(waits === null ? 'removed' : 'requested');
        } catch (error) {
          if (!(error instanceof DomainError) || gone.aborted) throw error;
          outcome('refused', error.detail);
        }
      }
    }
    return { decisions, next_cursor, unread };
  }
}
