import { ApiProperty } from '@nestjs/swagger';
import { Id, OneOf, Optional, Pattern, Text } from '../http/fields.js';
import { PageOf, PageQuery } from '../http/page.js';
import { BRANCH, BRANCH_FORM } from '../repositories/repositories.dto.js';
import { UnreadRepositoryDto } from '../repositories/unread-repository.dto.js';
import type { Worktree } from './worktree.js';
import type { WorktreeList } from './worktree-lists.service.js';

export const WORKTREE_KINDS = ['linked', 'checkout'] as const;

/** Which worktrees to list. */
export class WorktreesQuery extends PageQuery {
  /**
   * Only those of this repository. Without it, all of the organization, when at most 200 of its repositories are on the
   * server's disk.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Optional()
  @Id()
  repository_id?: string;
}

/** A linked work tree to add. */
export class AddWorktreeDto {
  /**
   * Repository on the server's disk.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  repository_id!: string;

  /**
   * Branch to check out: one that is there, or a new one. Without it the work tree is detached.
   * @example feature/issue-42
   */
  @Optional()
  @Pattern(BRANCH, BRANCH_FORM)
  branch?: string;

  /**
   * Branch, tag or commit that a new branch, or a detached work tree, starts from. Default: the default branch. A branch
   * that is there stays where it is.
   * @example main
   */
  @Optional()
  @Text({ min: 1, max: 4096 })
  base_ref?: string;
}

/** How to remove a worktree. */
export class RemoveWorktreeQuery {
  /**
   * Whether it goes with what it holds.
   * @example "false"
   */
  @Optional()
  @OneOf(['true', 'false'])
  force?: 'true' | 'false';
}

/** A linked work tree of a repository on the server's disk, or a checkout on the disk of a worker. */
export class WorktreeDto {
  /**
   * Id of the worktree; a checkout bears that of its execution.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @ApiProperty({ format: 'uuid' })
  id!: string;

  /**
   * Repository it belongs to; null for a checkout of a task without one.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  repository_id!: string | null;

  /**
   * Worker on whose disk it is; null for linked ones, and when the worker has been deleted.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  worker_id!: string | null;

  /**
   * Where it is; a byte that is no text is told as `\xNN`.
   * @example /srv/repositories/project-dark-mode
   */
  path!: string;

  /**
   * Its branch; null when its HEAD is detached.
   * @example feature/issue-42
   */
  branch!: string | null;

  /**
   * Newest commit in it; null when there is none, or when nobody has looked.
   * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
   */
  head_sha!: string | null;

  /**
   * `linked`: a linked work tree, made with `git worktree add`. `checkout`: of an execution, on the disk of its worker.
   * @example linked
   */
  @ApiProperty({ enum: WORKTREE_KINDS })
  kind!: Worktree['kind'];

  /**
   * Whether somebody has locked it; then it is not removed.
   * @example false
   */
  locked!: boolean;

  /**
   * Why it is locked; null when it is not, an empty text when nobody has said.
   * @example "on a portable disk"
   */
  lock_reason!: string | null;

  /**
   * Whether its directory is gone, so that git would forget it.
   * @example false
   */
  prunable!: boolean;

  /**
   * Whether it holds what is in no commit: files that differ or that git does not know, an operation under way, another
   * repository. What `.gitignore` names does not count. Null when it could not be looked at, or when nobody has yet.
   * @example false
   */
  dirty!: boolean | null;

  /**
   * Whether it holds commits that are nowhere else. For linked ones: commits that no branch of a remote has, or, where no
   * remote is tracked, that are on no branch and no tag; and commits that only its own references (`refs/worktree/` and the
   * like), `ORIG_HEAD` and its kind, or the log of its HEAD lead to. Null when that could not be told.
   * @example false
   */
  unpushed!: boolean | null;

  /**
   * Whether all its commits are in the default branch. Null when that could not be told.
   * @example true
   */
  merged!: boolean | null;

  /**
   * Bytes it takes on the disk; null when that was not measured, as for more than 100,000 files.
   * @example 1048576
   */
  @ApiProperty({ type: 'integer', nullable: true })
  size_bytes!: number | null;

  /**
   * Execution that works or has worked in it; for linked ones as the trailer `Execution:` of its newest commit says.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  execution_id!: string | null;

  /**
   * Agent of that execution, else as the newest commit of its own tells.
   * @example codegen
   */
  agent_type!: string | null;

  /**
   * Issue, from the task, the newest commit of its own, or the name of the branch: `issue-42`, `#42`, `fix/42`.
   * @example 42
   */
  @ApiProperty({ type: 'integer', nullable: true })
  issue_number!: number | null;

  /**
   * Why it is still there: what its worker says, or what a clean-up would say. Null when nothing speaks for it.
   * @example "1 file in no commit: notes.md"
   */
  kept_because!: string | null;

  /**
   * What its removal would lose, a text for each. Files that a .gitignore of the project names are told, too, though they
   * do not keep it.
   * @example ["1 file in no commit: notes.md", "1 ignored file or folder: node_modules/"]
   */
  would_lose!: string[];

  /**
   * Why it could not be looked at; null when it could.
   * @example "It is outside of the directories that this server may read."
   */
  problem!: string | null;

  /**
   * Since when its worker is asked to remove it; null when it is not.
   * @example 2026-01-31T12:20:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  removal_requested_at!: Date | null;

  /**
   * When it was made.
   * @example 2026-01-31T12:00:00.000Z
   */
  created_at!: Date;

  /**
   * When something in it changed last, as far as that is known.
   * @example 2026-01-31T12:10:00.000Z
   */
  changed_at!: Date;

  static from(worktree: Worktree): WorktreeDto {
    return Object.assign(new WorktreeDto(), {
      id: worktree.id,
      repository_id: worktree.repository_id,
      worker_id: worktree.worker_id,
      path: worktree.path,
      branch: worktree.branch,
      head_sha: worktree.head_sha,
      kind: worktree.kind,
      locked: worktree.locked !== null,
      lock_reason: worktree.locked,
      prunable: worktree.prunable,
      dirty: worktree.dirty,
      unpushed: worktree.unpushed,
      merged: worktree.merged,
      size_bytes: worktree.size_bytes,
      execution_id: worktree.execution_id,
      agent_type: worktree.agent_type,
      issue_number: worktree.issue_number,
      kept_because: worktree.kept_because,
      would_lose: [...worktree.would_lose],
      problem: worktree.problem,
      removal_requested_at: worktree.removal_requested_at,
      created_at: worktree.created_at,
      changed_at: worktree.changed_at,
    });
  }
}

/** One page of worktrees. */
export class WorktreePage extends PageOf(WorktreeDto) {
  /** Repositories whose linked work trees are, or may be, missing from the list, and why. */
  @ApiProperty({ type: [UnreadRepositoryDto] })
  unread!: UnreadRepositoryDto[];

  static from({ items, next_cursor, unread }: WorktreeList): WorktreePage {
    return Object.assign(new WorktreePage(), {
      items: items.map((worktree) => WorktreeDto.from(worktree)),
      next_cursor,
      unread: unread.map((one) => UnreadRepositoryDto.from(one)),
    });
  }
}
