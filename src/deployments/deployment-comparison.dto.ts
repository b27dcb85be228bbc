import { ApiProperty } from '@nestjs/swagger';
import { Id } from '../http/fields.js';
import type { Comparison, ComparedCommit } from './deployment-comparison.service.js';
import { TRACES, type Trace } from './task-traces.js';

type ComparedTask = Comparison['tasks'][number];

/** One of the versions that are compared. */
export class ComparedVersionDto {
  /**
   * The tag, or the id of the commit, as it was asked for.
   * @example v1.4.0
   */
  version!: string;

  /**
   * The commit it leads to.
   * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
   */
  commit_sha!: string;
}

/** A commit that is new. */
export class ComparedCommitDto implements ComparedCommit {
  /**
   * Its id.
   * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
   */
  sha!: string;

  /**
   * The first paragraph of its message on one line, at most 1,000 characters.
   * @example "feat: sign in with a passkey"
   */
  message!: string;

  /**
   * Name of the author, as the commit has it.
   * @example "Ada Lovelace"
   */
  author!: string;

  /**
   * When it was committed.
   * @example 2026-01-31T12:00:00.000Z
   */
  committed_at!: Date;

  /**
   * The issue it tells of, as in `GET /logs`.
   * @example 42
   */
  @ApiProperty({ type: 'integer', nullable: true })
  issue_number!: number | null;

  /**
   * The task that its trailer `Task:` names, which anybody may write.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @ApiProperty({ type: 'string', format: 'uuid', nullable: true })
  task_id!: string | null;
}

/** A task whose work is new. */
export class ComparedTaskDto {
  /**
   * Its id.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * Its name.
   * @example "Add a dark mode"
   */
  name!: string;

  /**
   * Its status.
   * @example completed
   */
  status!: string;

  /**
   * Its agent type.
   * @example codegen
   */
  agent_type!: string;

  /**
   * Its issue.
   * @example 42
   */
  @ApiProperty({ type: 'integer', nullable: true })
  issue_number!: number | null;

  /**
   * What tells that its work is among the new commits: `trailer`, the trailer `Task:` of one of them names it, which anybody
   * may write; `commit`, one of its executions has left one of them; `branch`, one of them says that it merges the branch of
   * one of its executions.
   * @example ["trailer", "commit"]
   */
  @ApiProperty({ enum: TRACES, isArray: true })
  found_by!: Trace[];

  static from({ task, found_by }: ComparedTask): ComparedTaskDto {
    const { id, name, status, agent_type, issue_number } = task;
    return { id, name, status, agent_type, issue_number, found_by };
  }
}

/** What is new between two versions. */
export class ComparisonDto {
  /**
   * Id of the repository.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  repository_id!: string;

  /** The version that is begun at. */
  from!: ComparedVersionDto;

  /** The version that is ended at. */
  to!: ComparedVersionDto;

  /**
   * The last commit that both have; null when they have none.
   * @example 1f4c2a9b7d3e5f60718293a4b5c6d7e8f9012345
   */
  merge_base!: string | null;

  /**
   * How many commits `to` has that `from` has not.
   * @example 12
   */
  @ApiProperty({ type: 'integer' })
  ahead_by!: number;

  /**
   * How many commits `from` has that `to` has not: a rollback, or versions of two branches, if it is not 0.
   * @example 0
   */
  @ApiProperty({ type: 'integer' })
  behind_by!: number;

  /**
   * Issues that the new commits tell of, whatever the page.
   * @example [41, 42]
   */
  @ApiProperty({ type: 'array', items: { type: 'integer' } })
  issues!: number[];

  /** Tasks whose work is among the new commits, whatever the page. */
  @ApiProperty({ type: [ComparedTaskDto] })
  tasks!: ComparedTaskDto[];

  /**
   * Whether all new commits were looked through for issues and tasks, and all tasks are told of; only the newest 5,000
   * commits are looked through, and 1,000 tasks told of.
   * @example true
   */
  complete!: boolean;

  /** The new commits of this page, newest first. */
  @ApiProperty({ type: [ComparedCommitDto] })
  items!: ComparedCommitDto[];

  /**
   * Cursor of the next page, null when this is the last.
   * @example WyIxNzY5ODYwODAwIiwiOWZjZWIwMmQwYWU1OThlOTVkYzk3MGI3NDc2N2YxOTM3MmQ2MWFmOCJd
   */
  next_cursor!: string | null;

  static from(comparison: Comparison): ComparisonDto {
    return { ...comparison, tasks: comparison.tasks.map((task) => ComparedTaskDto.from(task)) };
  }
}
