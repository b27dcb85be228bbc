import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, ValidateNested } from 'class-validator';
import {
  AcceptsUncleanText,
  Flag,
  FreeForm,
  IgnoresUnknownFields,
  Instant,
  OneOf,
  Optional,
  Pattern,
  RawText,
  WholeNumber,
} from '../http/fields.js';
import { readFailureReason } from '../tasks/failure-reasons.js';
import { TaskDto } from '../tasks/task.dto.js';
import type { AttemptReport } from './attempts.service.js';
import { ExecutionDto } from './execution.dto.js';
import { OUTCOMES, type Outcome } from './execution.states.js';

const MOST_ENTRIES = 1000;
const LONGEST_MESSAGE = 65_536;
const LARGEST_INTEGER = 2_147_483_647;
const SHA = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

/** What every answer to a worker carries. */
export class SignalsDto {
  /**
   * Executions of this worker that somebody wants to end: end the agent, then finish as `cancelled`.
   * @example []
   */
  cancel!: string[];

  /**
   * Executions named in the request that are not this worker's any more: end the agent, say nothing.
   * @example []
   */
  lost!: string[];

  /**
   * What the worker should be.
   * @example active
   */
  @ApiProperty({ enum: ['active', 'paused', 'draining', 'stopped'] })
  desired_status!: 'active' | 'paused' | 'draining' | 'stopped';
}

/** One line of what the agent, or the worker itself, said. */
@IgnoresUnknownFields()
export class NewLogEntryDto {
  /**
   * How severe it is; `info` when absent.
   * @example info
   */
  @Optional()
  @OneOf(['debug', 'info', 'warn', 'error'])
  level?: string;

  /**
   * Where it came from; `stdout` when absent.
   * @example stdout
   */
  @Optional()
  @OneOf(['stdout', 'stderr', 'agent', 'system'])
  stream?: string;

  /**
   * The line, at most 64 KiB. NUL and lone surrogates are replaced and counted.
   * @example "All 12 tests passed."
   */
  @RawText({ max: LONGEST_MESSAGE })
  message!: string;

  /**
   * When it was said, by the worker's clock; when it arrived if absent.
   * @example 2026-01-31T12:00:01.000Z
   */
  @Optional()
  @Instant()
  logged_at?: string;
}

/** Log entries in their order. */
@IgnoresUnknownFields()
@AcceptsUncleanText()
export class LogBatchDto {
  /**
   * Number of the first entry: `next_offset` of the answer before, 0 at first.
   * @example 0
   */
  @WholeNumber({ min: 0, max: LARGEST_INTEGER - MOST_ENTRIES })
  offset!: number;

  /** 1 to 1000 entries. */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MOST_ENTRIES)
  @ValidateNested({ each: true })
  @Type(() => NewLogEntryDto)
  entries!: NewLogEntryDto[];
}

/** Which entries are stored. */
export class LogReceiptDto extends SignalsDto {
  /**
   * Number of the next entry to send.
   * @example 2
   */
  @ApiProperty({ type: 'integer' })
  next_offset!: number;

  /**
   * Entries of this batch in which something had to be replaced.
   * @example 0
   */
  @ApiProperty({ type: 'integer' })
  cleaned!: number;
}

/** How far an execution has come. */
@IgnoresUnknownFields()
export class ProgressDto {
  /**
   * Percent done.
   * @example 40
   */
  @Optional()
  @WholeNumber({ min: 0, max: 100 })
  progress?: number;

  /**
   * What it is at, in a line.
   * @example "Running the tests"
   */
  @Optional()
  @RawText({ max: 1000 })
  message?: string;
}

/** How an execution ended. */
@IgnoresUnknownFields()
export class FinishDto {
  /**
   * `released` hands the task back without counting the attempt.
   * @example completed
   */
  @OneOf(OUTCOMES)
  outcome!: Outcome;

  /**
   * What came of it, for whoever reads the task.
   * @example {"files_changed": 3}
   */
  @Optional()
  @FreeForm()
  result?: Record<string, unknown>;

  /**
   * What went wrong, for people.
   * @example The tests failed.
   */
  @Optional()
  @RawText({ max: 16_384 })
  error_message?: string;

  /**
   * Why it failed, from the closed list of reasons; one this server does not know becomes `unknown`.
   * @example agent_error
   */
  @Optional()
  @Pattern(/^[a-z_]{1,64}$/, 'the name of a reason', 64)
  failure_reason?: string;

  /**
   * Whether another attempt may help; by default the reason decides.
   * @example true
   */
  @Optional()
  @Flag()
  retryable?: boolean;

  /**
   * Seconds to wait before another attempt, at least.
   * @example 60
   */
  @Optional()
  @WholeNumber({ min: 0, max: 604_800 })
  retry_after_seconds?: number;

  /**
   * Exit code of the agent's process.
   * @example 0
   */
  @Optional()
  @WholeNumber({ min: -LARGEST_INTEGER, max: LARGEST_INTEGER })
  exit_code?: number;

  /**
   * Commit the work started from.
   * @example 3b18e512dba79e4c8300dd08aeb37f8e728b8dad
   */
  @Optional()
  @Pattern(SHA, 'the full hash of a commit', 64)
  base_sha?: string;

  /**
   * Commit the work ended in; its branch must have been pushed.
   * @example 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d
   */
  @Optional()
  @Pattern(SHA, 'the full hash of a commit', 64)
  commit_sha?: string;

  /**
   * How many log entries were sent in all.
   * @example 42
   */
  @Optional()
  @WholeNumber({ min: 0, max: LARGEST_INTEGER })
  log_entries?: number;

  toReport(): AttemptReport {
    return { ...this, failure_reason: this.outcome === 'failed' ? readFailureReason(this.failure_reason) : undefined };
  }
}

/** The execution and its task as they are now. */
export class FinishReceiptDto extends SignalsDto {
  /** The execution, ended. */
  execution!: ExecutionDto;

  /** The task: finished, or waiting for another attempt. */
  task!: TaskDto;
}
