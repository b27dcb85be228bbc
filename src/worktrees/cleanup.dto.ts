import { ApiProperty } from '@nestjs/swagger';
import { Flag, Id, Optional, Pattern, WholeNumber } from '../http/fields.js';
import type { CleanedWorktree, Cleanup } from './cleanups.service.js';
import { CLEANUP_OUTCOMES, UNUSED_FOR_SECONDS } from './worktree.policy.js';
import { UnreadRepositoryDto } from '../repositories/unread-repository.dto.js';

const DEFAULT_LIMIT = 20;

/** What to clean up. */
export class CleanUpWorktreesDto {
  /**
   * Whether to only say what would be done. The decisions are the same.
   * @example true
   */
  @Flag()
  dry_run!: boolean;

  /**
   * Only worktrees of this repository. Without it, as in the list, all of the organization.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Optional()
  @Id()
  repository_id?: string;

  /**
   * Seconds in which nothing in a worktree must have changed; of one whose directory is gone, nothing that the repository
   * keeps about it. Default: a day.
   * @example 86400
   */
  @Optional()
  @WholeNumber({ min: 0, max: 31_536_000 })
  unused_for_seconds: number = UNUSED_FOR_SECONDS;

  /**
   * How many worktrees to look at.
   * @example 20
   */
  @Optional()
  @WholeNumber({ min: 1, max: 100 })
  limit: number = DEFAULT_LIMIT;

  /**
   * `next_cursor` of the answer before; absent for the first worktrees.
   * @example WyIyMDI2LTAxLTMxVDEyOjAwOjAwLjAwMDAwMFoiLCIwMTljMTIzNC01Njc4LTdhYmMtOGRlZi0wMTIzNDU2Nzg5YWIiXQ
   */
  @Optional()
  @Pattern(/^[A-Za-z0-9_-]+$/, 'the next_cursor of an earlier answer', 1024)
  cursor?: string;
}

/** What becomes of a worktree, and why. */
export class WorktreeDecisionDto {
  /**
   * The worktree.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @ApiProperty({ format: 'uuid' })
  worktree_id!: string;

  /**
   * Where it is, or was.
   * @example /srv/repositories/project-dark-mode
   */
  path!: string;

  /**
   * Whether it may go.
   * @example true
   */
  remove!: boolean;

  /**
   * Why it may go or stays; when its removal was refused in the end, why.
   * @example "nothing in it is uncommitted, and its commits are in the default branch"
   */
  because!: string;

  /**
   * What was done. `kept`: it stays. `would_be_removed`: in a dry run. `removed`: it is gone. `requested`: its worker is
   * asked to remove it. `refused`: it has changed since it was looked at, or cannot be removed. `postponed`: there was no
   * time left; ask again.
   * @example would_be_removed
   */
  @ApiProperty({ enum: CLEANUP_OUTCOMES })
  outcome!: CleanedWorktree['outcome'];
}

/** What a clean-up came to. */
export class CleanupDto {
  /** One for each worktree that was looked at. */
  @ApiProperty({ type: [WorktreeDecisionDto] })
  decisions!: WorktreeDecisionDto[];

  /**
   * Cursor of the next worktrees; null when these were the last.
   * @example WyIyMDI2LTAxLTMxVDEyOjAwOjAwLjAwMDAwMFoiLCIwMTljMTIzNC01Njc4LTdhYmMtOGRlZi0wMTIzNDU2Nzg5YWIiXQ
   */
  next_cursor!: string | null;

  /** Repositories whose linked work trees could not be looked at, and why. */
  @ApiProperty({ type: [UnreadRepositoryDto] })
  unread!: UnreadRepositoryDto[];

  static from({ decisions, next_cursor, unread }: Cleanup): CleanupDto {
    return {
      decisions: decisions.map(({ worktree, remove, because, outcome }) => ({
        worktree_id: worktree.id,
        path: worktree.path,
        ...{ remove, because, outcome },
      })),
      next_cursor,
      unread: unread.map((one) => UnreadRepositoryDto.from(one)),
    };
  }
}
