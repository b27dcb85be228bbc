import { ApiProperty } from '@nestjs/swagger';
import { FAILURE_REASONS, type FailureReason } from '../tasks/failure-reasons.js';
import { EXECUTION_STATES, type ExecutionStatus } from './execution.states.js';
import { UsageDto } from '../tasks/usage.dto.js';
import type { ExecutionView } from './executions.store.js';

/** One attempt at a task. */
export class ExecutionDto {
  /**
   * Id of the execution; every later call of its worker names it.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @ApiProperty({ format: 'uuid' })
  id!: string;

  /**
   * Task it is an attempt at.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  @ApiProperty({ format: 'uuid' })
  task_id!: string;

  /**
   * Repository it works in, null for none.
   * @example 0192f0c1-2345-7abc-8def-0123456789ac
   */
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  repository_id!: string | null;

  /**
   * Which attempt it is, from 1.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  attempt!: number;

  /**
   * Kind of agent that does it.
   * @example codegen
   */
  agent_type!: string;

  /**
   * Model the agent used, as its worker reported.
   * @example example-model-1
   */
  model!: string | null;

  /**
   * Worker that runs or ran it, null when the task was begun by hand; it stays when that worker is gone.
   * @example 0192f0c1-2345-7abc-8def-0123456789ae
   */
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  worker_id!: string | null;

  /**
   * Coordinator that its worker belonged to when it began, null for none; it stays when that coordinator is gone.
   * @example 0192f0c1-2345-7abc-8def-0123456789b4
   */
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  coordinator_id!: string | null;

  /**
   * How the agent is kept from the rest of the machine, as its worker reported: uid, namespace, wrapper or none.
   * @example none
   */
  isolation!: string | null;

  /**
   * Where it is in its life.
   * @example completed
   */
  @ApiProperty({ enum: EXECUTION_STATES })
  status!: ExecutionStatus;

  /**
   * Why it ended without success.
   * @example agent_error
   */
  @ApiProperty({ enum: FAILURE_REASONS, nullable: true })
  failure_reason!: FailureReason | null;

  /**
   * What went wrong, for people.
   * @example "The tests failed."
   */
  error_message!: string | null;

  /**
   * Percent done as the worker reported, null when it did not.
   * @example 100
   */
  @ApiProperty({ type: 'integer', nullable: true, minimum: 0, maximum: 100 })
  progress!: number | null;

  /**
   * What it is at, in a line.
   * @example Running the tests
   */
  progress_message!: string | null;

  /**
   * When it began.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  started_at!: string;

  /**
   * When it ended.
   * @example 2026-01-31T12:05:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  finished_at!: string | null;

  /**
   * Until when it holds without a heartbeat; null when it has ended, or was begun by hand and needs none.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  lease_expires_at!: string | null;

  /**
   * Exit code of the agent's process.
   * @example 0
   */
  @ApiProperty({ type: 'integer', nullable: true })
  exit_code!: number | null;

  /**
   * Commit it started from.
   * @example 3b18e512dba79e4c8300dd08aeb37f8e728b8dad
   */
  base_sha!: string | null;

  /**
   * Branch its work goes to.
   * @example task/add-a-dark-mode-456789ab-a1
   */
  branch!: string;

  /**
   * Commit its work ended in, while it runs the one pushed last; null when there is none.
   * @example 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d
   */
  commit_sha!: string | null;

  /**
   * The agent's own session, which a further attempt may go on with.
   * @example 5f0c6f2e-8a54-4a43-9b8e-0d3d4f1f7f10
   */
  session_id!: string | null;

  /**
   * Number of the pull request that holds its work.
   * @example 17
   */
  @ApiProperty({ type: 'integer', nullable: true })
  pull_request_number!: number | null;

  /**
   * Address of that pull request, null when it is not known.
   * @example https://github.com/octocat/hello-world/pull/17
   */
  pull_request_url!: string | null;

  /**
   * How good a review found it, from 0 to 100.
   * @example 92
   */
  @ApiProperty({ type: 'integer', nullable: true, minimum: 0, maximum: 100 })
  quality_score!: number | null;

  /** What it used, so far while it runs; null when its worker has not told. */
  @ApiProperty({ type: UsageDto, nullable: true })
  usage!: UsageDto | null;

  /**
   * Log entries stored.
   * @example 42
   */
  @ApiProperty({ type: 'integer' })
  log_entries!: number;

  /**
   * Lines that the worker has left out of the log: beyond a limit, or because there was no time to send them. The log says
   * where.
   * @example 0
   */
  @ApiProperty({ type: 'integer' })
  log_left_out!: number;

  /**
   * Whether something of the log is missing, or may be: lines were left out, the worker sent more entries than arrived, or
   * the attempt was ended before its worker said how many there are.
   * @example false
   */
  log_incomplete!: boolean;

  /**
   * When the log entries left because of their age; null while they are here.
   * @example 2026-04-30T12:00:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  logs_removed_at!: string | null;

  /**
   * What it gave as its result.
   * @example {"files_changed": 3}
   */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  result!: Record<string, unknown> | null;

  static from(execution: ExecutionView): ExecutionDto {
    return {
      id: execution.id,
      task_id: execution.task_id,
      repository_id: execution.repository_id,
      attempt: execution.attempt,
      agent_type: execution.agent_type,
      model: execution.model,
      worker_id: execution.worker_id,
      coordinator_id: execution.coordinator_id,
      isolation: execution.isolation,
      status: execution.status,
      failure_reason: execution.failure_reason,
      error_message: execution.error_message,
      progress: execution.progress,
      progress_message: execution.progress_message,
      started_at: execution.started_at.toISOString(),
      finished_at: execution.finished_at && execution.finished_at.toISOString(),
      lease_expires_at: execution.lease_expires_at && execution.lease_expires_at.toISOString(),
      exit_code: execution.exit_code,
      base_sha: execution.base_sha,
      branch: execution.branch,
      commit_sha: execution.commit_sha,
      session_id: execution.session_id,
      pull_request_number: execution.pull_request_number,
      pull_request_url: execution.pull_request_url,
      quality_score: execution.quality_score,
      usage: execution.usage && UsageDto.from(execution.usage),
      log_entries: execution.log_entries,
      log_left_out: execution.log_left_out,
      log_incomplete: execution.log_incomplete,
      logs_removed_at: execution.logs_removed_at && execution.logs_removed_at.toISOString(),
      result: execution.result,
    };
  }
}
