import { ApiProperty } from '@nestjs/swagger';
import { DIFF_BASES, SEEN_IN, type DiffBase } from '../executions/execution-diff.dto.js';
import { DiffDto, presentDiff } from '../git/diff.dto.js';
import type { WorktreeDiff } from './worktree-diffs.service.js';

/** What is committed in a worktree and not in what it is compared with. */
export class WorktreeDiffDto extends DiffDto {
  /**
   * The worktree.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @ApiProperty({ format: 'uuid' })
  worktree_id!: string;

  /**
   * Where `base_sha` comes from: `default_branch`, where its history left that of the default branch; `execution`, the
   * commit that the work of its execution started from; `nothing`, when they share no history.
   * @example default_branch
   */
  @ApiProperty({ enum: DIFF_BASES })
  base_from!: DiffBase;

  /**
   * What is compared: `checkout`, what is committed in a linked worktree, or what the worker of a running execution saw last,
   * with what is in no commit yet: `head_sha` then is no commit of the repository; `push`, the commit pushed last.
   * @example checkout
   */
  @ApiProperty({ enum: SEEN_IN })
  seen_in!: WorktreeDiff['seen_in'];

  /**
   * When that was so; null where it was not noted, and for linked worktrees, which are looked at for the answer.
   * @example 2026-01-31T12:10:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  seen_at!: Date | null;

  static from({ worktree_id, base_from, base_sha, head_sha, seen_in, seen_at, diff }: WorktreeDiff): WorktreeDiffDto {
    return { worktree_id, base_from, seen_in, seen_at, ...presentDiff(base_sha, head_sha, diff) };
  }
}
