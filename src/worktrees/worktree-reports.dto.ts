import { ApiProperty } from '@nestjs/swagger';
import { SignalsDto } from '../executions/reports.dto.js';
import {
  Flag,
  Id,
  IgnoresUnknownFields,
  Instant,
  ListOf,
  Nullable,
  Pattern,
  RawText,
  WholeNumber,
} from '../http/fields.js';

const MOST_CHECKOUTS = 1000;
const LARGEST_SIZE = Number.MAX_SAFE_INTEGER;

/** One checkout on the disk of a worker. */
@IgnoresUnknownFields()
export class WorktreeReportDto {
  /**
   * Execution it was made for; the checkout is known by this id.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @Id()
  execution_id!: string;

  /**
   * Where it lies on the disk of the worker.
   * @example /var/lib/miyabi/executions/0192f0c1-2345-7abc-8def-0123456789ad/checkout
   */
  @RawText({ max: 4096 })
  path!: string;

  /**
   * Its branch, while somebody looks at it the one that is checked out; null when HEAD is detached.
   * @example task/add-a-dark-mode-456789ab-a1
   */
  @Nullable()
  @RawText({ max: 255 })
  branch!: string | null;

  /**
   * Newest commit in it; null where nobody has looked.
   * @example 4b825dc642cb6eb9a060e54bf8d69288fbee4904
   */
  @Nullable()
  @Pattern(/^[0-9a-f]{40}([0-9a-f]{24})?$/, 'the id of a commit')
  head_sha!: string | null;

  /**
   * Whether it holds what is in no commit; null where nobody has looked.
   * @example false
   */
  @Nullable()
  @Flag()
  dirty!: boolean | null;

  /**
   * Whether it holds commits that were not pushed; null where nobody has looked.
   * @example true
   */
  @Nullable()
  @Flag()
  unpushed!: boolean | null;

  /**
   * Whether its commits are in the default branch; null where that cannot be told.
   * @example false
   */
  @Nullable()
  @Flag()
  merged!: boolean | null;

  /**
   * Bytes it takes on the disk, with its log.
   * @example 1048576
   */
  @WholeNumber({ min: 0, max: LARGEST_SIZE })
  size_bytes!: number;

  /**
   * Why it is still there; null while its execution runs.
   * @example "its branch was not pushed: the server did not take it"
   */
  @Nullable()
  @RawText({ max: 2000 })
  kept_because!: string | null;

  /**
   * When it was made.
   * @example 2026-01-31T12:00:00Z
   */
  @Instant()
  created_at!: string;

  /**
   * When something in it changed last.
   * @example 2026-01-31T12:10:00Z
   */
  @Instant()
  changed_at!: string;
}

/** All checkouts of a worker. */
@IgnoresUnknownFields()
export class WorktreeInventoryDto {
  /** Every checkout there is; one that is not listed is gone. */
  @ListOf(() => WorktreeReportDto, { min: 0, max: MOST_CHECKOUTS })
  worktrees!: WorktreeReportDto[];
}

/** What a worker learns in return for its inventory. */
export class WorktreesReceiptDto extends SignalsDto {
  /**
   * Checkouts it is to remove, by the ids of their executions. What holds work that is nowhere else it keeps all the same,
   * unless it is in `force_worktrees`.
   * @example []
   */
  @ApiProperty({ type: [String] })
  remove_worktrees!: string[];

  /**
   * Those of them that somebody wants gone with what they hold.
   * @example []
   */
  @ApiProperty({ type: [String] })
  force_worktrees!: string[];
}
