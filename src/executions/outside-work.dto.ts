import { Id, Flag, Optional, Pattern, Text } from '../http/fields.js';
import { FreeForm } from '../http/free-form.js';
import { readFailureReason } from '../tasks/failure-reasons.js';
import type { AttemptReport } from './attempt-outcome.js';

/** Which attempt is meant. */
class OutsideAttemptDto {
  /**
   * The attempt that is meant: `current_execution_id` of the answer to `start`. When another one runs by now, because
   * this one ran out of time, nothing is changed. Absent means whichever runs.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @Optional()
  @Id()
  execution_id?: string;
}

/** Work outside of the fleet that is done. */
export class CompleteTaskDto extends OutsideAttemptDto {
  /**
   * What came of it, for whoever reads the task.
   * @example {"files_changed": 3}
   */
  @Optional()
  @FreeForm()
  result?: Record<string, unknown>;

  toReport(): AttemptReport {
    return { outcome: 'completed', ...(this.result && { result: this.result }) };
  }
}

/** Work outside of the fleet that has failed. */
export class FailTaskDto extends OutsideAttemptDto {
  /**
   * What went wrong, for people.
   * @example The tests failed.
   */
  @Optional()
  @Text({ max: 16_384 })
  error_message?: string;

  /**
   * Why it failed, from the closed list of reasons; one this server does not know becomes `unknown`.
   * @example agent_error
   */
  @Optional()
  @Pattern(/^[a-z_]{1,64}$/, 'the name of a reason', 64)
  failure_reason?: string;

  /**
   * Whether another attempt may help; by default the reason decides. Workers of the fleet may get it then.
   * @example false
   */
  @Optional()
  @Flag()
  retryable?: boolean;

  toReport(): AttemptReport {
    return {
      outcome: 'failed',
      failure_reason: readFailureReason(this.failure_reason),
      ...(this.error_message && { error_message: this.error_message }),
      ...(this.retryable !== undefined && { retryable: this.retryable }),
    };
  }
}
