import { ApiProperty } from '@nestjs/swagger';
import { ActorDto } from '../auth/actor.dto.js';
import type { Actor } from '../auth/principal.js';
import { FAILURE_REASONS, type FailureReason } from './failure-reasons.js';
import type { Task } from './task.entity.js';
import { PRIORITIES, TASK_STATES, type Priority, type TaskStatus } from './task.states.js';
import { UsageDto } from './usage.dto.js';

const time = (date: Date | null): string | null => date && date.toISOString();

/** A task as callers see it. */
export class TaskDto {
  /**
   * Id of the task.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  @ApiProperty({ format: 'uuid' })
  id!: string;

  /**
   * Grows with every change; `If-Match` takes it.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  version!: number;

  /**
   * Organization it belongs to.
   * @example 0192f0c1-2345-7abc-8def-0123456789aa
   */
  @ApiProperty({ format: 'uuid' })
  organization_id!: string;

  /** Who created it. */
  @ApiProperty({ type: ActorDto })
  actor!: Actor;

  /**
   * Repository it works in, null for none.
   * @example 0192f0c1-2345-7abc-8def-0123456789ac
   */
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  repository_id!: string | null;

  /**
   * What is to be done, in a line.
   * @example "Add a dark mode"
   */
  name!: string;

  /**
   * The whole brief.
   * @example The settings page gets a switch.
   */
  description!: string | null;

  /**
   * Where it is in its life.
   * @example pending
   */
  @ApiProperty({ enum: TASK_STATES })
  status!: TaskStatus;

  /**
   * P0 is served before P1, P1 before P2.
   * @example P1
   */
  @ApiProperty({ enum: PRIORITIES })
  priority!: Priority;

  /**
   * Kind of agent that does it.
   * @example codegen
   */
  agent_type!: string;

  /**
   * Number of the issue it comes from.
   * @example 123
   */
  @ApiProperty({ type: 'integer', nullable: true })
  issue_number!: number | null;

  /**
   * Labels a worker must have to get it.
   * @example ["gpu"]
   */
  required_labels!: string[];

  /**
   * Only one task with this key is in the queue or runs at a time; null for one that need not be alone.
   * @example deploy-production
   */
  concurrency_key!: string | null;

  /**
   * Branch, tag or commit to start from; null is the default branch.
   * @example main
   */
  base_ref!: string | null;

  /**
   * Whether the agent works in an isolated checkout.
   * @example true
   */
  use_worktree!: boolean;

  /**
   * Whether a pull request is opened when it has succeeded.
   * @example false
   */
  auto_pr!: boolean;

  /**
   * The most that all attempts together may cost, in US dollars.
   * @example 2.5
   */
  @ApiProperty({ type: 'number', nullable: true })
  max_cost_usd!: number | null;

  /**
   * The most tokens that all attempts together may use.
   * @example 500000
   */
  @ApiProperty({ type: 'integer', nullable: true })
  max_tokens!: number | null;

  /** What the attempts that have ended used together; null when none has told. */
  @ApiProperty({ type: UsageDto, nullable: true, example: null })
  usage!: UsageDto | null;

  /**
   * Not to be started before this time.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  run_at!: string;

  /**
   * Attempts that counted beyond the first.
   * @example 0
   */
  @ApiProperty({ type: 'integer' })
  retry_count!: number;

  /**
   * How many further attempts may follow the first.
   * @example 3
   */
  @ApiProperty({ type: 'integer' })
  max_retries!: number;

  /**
   * Seconds after which an attempt is ended.
   * @example 3600
   */
  @ApiProperty({ type: 'integer' })
  timeout_seconds!: number;

  /**
   * Anything of the creator's own.
   * @example {"team": "web"}
   */
  @ApiProperty({ type: 'object', additionalProperties: true })
  metadata!: Record<string, unknown>;

  /**
   * What the successful attempt gave as its result.
   * @example {"files_changed": 3}
   */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  result!: Record<string, unknown> | null;

  /**
   * What went wrong in the last attempt, or why it was cancelled.
   * @example "The tests failed."
   */
  error_message!: string | null;

  /**
   * Why the last attempt ended without success.
   * @example agent_error
   */
  @ApiProperty({ enum: FAILURE_REASONS, nullable: true })
  failure_reason!: FailureReason | null;

  /**
   * Worker that runs it or has run it last.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  worker_id!: string | null;

  /**
   * The current or last attempt.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  current_execution_id!: string | null;

  /**
   * When somebody asked to end it.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  cancel_requested_at!: string | null;

  /**
   * When it was created.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  /**
   * When it last changed.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  updated_at!: string;

  /**
   * When the current or last attempt began.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  started_at!: string | null;

  /**
   * When it reached a final status.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  completed_at!: string | null;

  static from(task: Task): TaskDto {
    return {
      id: task.id,
      version: task.version,
      organization_id: task.organization_id,
      actor: task.actor,
      repository_id: task.repository_id,
      name: task.name,
      description: task.description,
      status: task.status,
      priority: task.priority,
      agent_type: task.agent_type,
      issue_number: task.issue_number,
      required_labels: task.required_labels,
      concurrency_key: task.concurrency_key,
      base_ref: task.base_ref,
      use_worktree: task.use_worktree,
      auto_pr: task.auto_pr,
      // Exact: dollars have at most thirteen digits, tokens are below 2^53.
      max_cost_usd: task.max_cost_usd === null ? null : Number(task.max_cost_usd),
      max_tokens: task.max_tokens === null ? null : Number(task.max_tokens),
      usage: task.usage && UsageDto.from(task.usage),
      run_at: task.run_at.toISOString(),
      retry_count: task.retry_count,
      max_retries: task.max_retries,
      timeout_seconds: task.timeout_seconds,
      metadata: task.metadata,
      result: task.result,
      error_message: task.error_message,
      failure_reason: task.failure_reason,
      worker_id: task.worker_id,
      current_execution_id: task.current_execution_id,
      cancel_requested_at: time(task.cancel_requested_at),
      created_at: task.created_at.toISOString(),
      updated_at: task.updated_at.toISOString(),
      started_at: time(task.started_at),
      completed_at: time(task.completed_at),
    };
  }
}
