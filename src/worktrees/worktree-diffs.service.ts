import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { NothingPushed } from '../executions/execution.errors.js';
import { ExecutionDiffs, type ExecutionDiff } from '../executions/execution-diffs.service.js';
import { CommitsService } from '../git/commits.service.js';
import { DiffsService, type Diff } from '../git/diffs.service.js';
import { withinGitTime } from '../git/git-time.js';
import { WorktreeHistories } from '../git/worktree-histories.service.js';
import { NothingCommitted, WorktreeNotPushed } from './worktree.errors.js';
import { WorktreeLists } from './worktree-lists.service.js';
import { WorktreesStore } from './worktrees.store.js';

/** What a worktree has changed, and since when. */
export interface WorktreeDiff {
  worktree_id: string;
  base_sha: string | null;
  base_from: 'execution' | 'default_branch' | 'nothing';
  head_sha: string;
  seen_in: ExecutionDiff['seen_in'];
  seen_at: Date | null;
  diff: Diff;
}

/** What worktrees have changed. */
@Injectable()
export class WorktreeDiffs {
  constructor(
    private readonly store: WorktreesStore,
    private readonly lists: WorktreeLists,
    private readonly histories: WorktreeHistories,
    private readonly commits: CommitsService,
    private readonly diffs: DiffsService,
    private readonly executionDiffs: ExecutionDiffs,
  ) {}

  /**
   * What is committed in a worktree and not in the default branch; of a checkout what its execution has pushed, or what was seen of it. Throws
   * WorktreeNotFound, NothingCommitted, WorktreeNotPushed, ExecutionCommitGone, GitNotHere, MirrorNotReady, GitFailed.
   */
  async find(principal: Principal, id: string, path: string | undefined, gone: AbortSignal): Promise<WorktreeDiff> {
    const checkout = await this.store.findCheckout(organizationOf(principal), id);
    if (checkout !== null) return this.ofCheckout(principal, id, path, gone);
    return withinGitTime(gone, (signal) =>
      this.lists.openLinked(principal, id, signal, async ({ repository, view, linked }) => {
        const { head_sha } = linked;
        if (head_sha === null) throw new NothingCommitted();
        const tip = await this.histories.baseOf(view, repository.default_branch, signal);
        const base_sha = tip && (await this.commits.mergeBase(view.directory, tip, head_sha, signal));
        const base_from = base_sha === null ? 'nothing' : 'default_branch';
        const diff = await this.diffs.between(view.directory, base_sha, head_sha, signal, { path });
        return { worktree_id: id, base_sha, base_from, head_sha, seen_in: 'checkout', seen_at: null, diff };
      }),
    );
  }

  private async ofCheckout(
    principal: Principal,
    id: string,
    path: string | undefined,
    gone: AbortSignal,
  ): Promise<WorktreeDiff> {
    try {
      const { execution_id, ...found } = await this.executionDiffs.find(principal, id, path, gone);
      return { worktree_id: execution_id, ...found };
    } catch (error) {
      if (error instanceof NothingPushed) throw new WorktreeNotPushed();
      throw error;
    }
  }
}
