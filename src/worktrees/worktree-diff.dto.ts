import { ApiProperty } from '@nestjs/swagger';
import { DIFF_BASES, type DiffBase } from '../executions/execution-diff.dto.js';
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

  static from({ worktree_id, base_from, base_sha, head_sha, diff }: WorktreeDiff): WorktreeDiffDto {
    return { worktree_id, base_from, ...presentDiff(base_sha, head_sha, diff) };
  }
}
