import { Type } from 'class-transformer';
import { IsObject, ValidateNested } from 'class-validator';
import {
  Flag,
  Id,
  IgnoresUnknownFields,
  OneOf,
  Optional,
  Pattern,
  RawText,
  Text,
  WholeNumber,
} from '../http/fields.js';
import { FreeForm } from '../http/free-form.js';
import type { LeaseReport } from '../queue/leases.service.js';
import { readFailureReason } from '../tasks/failure-reasons.js';
import { TaskDto } from '../tasks/task.dto.js';
import type { AttemptReport } from './attempt-outcome.js';
import { ExecutionDto } from './execution.dto.js';
import { OUTCOMES, type Outcome } from './execution.states.js';
import { ReportedUsageDto } from './reported-usage.dto.js';
import { LONGEST_SESSION, SignalsDto } from './reports.dto.js';

const LARGEST_INTEGER = 2_147_483_647;
const SHA = /^[0-9a-f]{40}([0-9a-f]{24})?$/;
const BRANCH = /^[^\s\u0000-\u001f\u007f~^:?*[\\-][^\s\u0000-\u001f\u007f~^:?*[\\]*$/;

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
   * Branch the work is on, when it is not the one that the claim named.
   * @example task/add-a-dark-mode-456789ab-a1
   */
  @Optional()
  @Pattern(BRANCH, 'the name of a branch')
  branch?: string;

  /**
   * Commit the work ended in; its branch must have been pushed. When absent it is what was pushed last.
   * @example 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d
   */
  @Optional()
  @Pattern(SHA, 'the full hash of a commit', 64)
  commit_sha?: string;

  /**
   * The agent's own session, which a further attempt may go on with.
   * @example 5f0c6f2e-8a54-4a43-9b8e-0d3d4f1f7f10
   */
  @Optional()
  @Text({ min: 1, max: LONGEST_SESSION })
  session_id?: string;

  /**
   * Model the agent used.
   * @example example-model-1
   */
  @Optional()
  @Text({ min: 1, max: 100 })
  model?: string;

  /**
   * Number of the pull request that holds the work.
   * @example 17
   */
  @Optional()
  @WholeNumber({ min: 1, max: LARGEST_INTEGER })
  pull_request_number?: number;

  /**
   * How good a review found it, from 0 to 100.
   * @example 92
   */
  @Optional()
  @WholeNumber({ min: 0, max: 100 })
  quality_score?: number;

  /** What this attempt used, in all. */
  @Optional()
  @IsObject()
  @ValidateNested()
  @Type(() => ReportedUsageDto)
  usage?: ReportedUsageDto;

  /**
   * How many log entries were sent in all.
   * @example 42
   */
  @Optional()
  @WholeNumber({ min: 0, max: LARGEST_INTEGER })
  log_entries?: number;

  /**
   * How many lines of the log were not sent, as beyond a limit.
   * @example 0
   */
  @Optional()
  @WholeNumber({ min: 0, max: LARGEST_INTEGER })
  log_left_out?: number;

  toReport(): AttemptReport {
    return { ...this, failure_reason: this.outcome === 'failed' ? readFailureReason(this.failure_reason) : undefined };
  }

  /** What could have been told as progress. */
  toLastWords(): Pick<LeaseReport, 'usage' | 'session_id'> {
    return { usage: this.usage, session_id: this.session_id };
  }
}

/** How an execution has ended, among other things that are said. */
@IgnoresUnknownFields()
export class FinishItemDto extends FinishDto {
  /**
   * Id of the execution.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @Id()
  execution_id!: string;
}

/** The execution and its task as they are now. */
export class FinishReceiptDto extends SignalsDto {
  /** The execution, ended. */
  execution!: ExecutionDto;

  /** The task: finished, or waiting for another attempt. */
  task!: TaskDto;
}
