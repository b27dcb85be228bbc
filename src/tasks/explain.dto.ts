import { ApiProperty } from '@nestjs/swagger';
import { REASON_CODES, type ReasonCode } from './explain-reasons.js';
import { TASK_STATES, type TaskStatus } from './task.states.js';
import type { Explanation, ExplainReason } from './explain.service.js';

/** One thing that keeps a task from running, or has ended it. Some carry further facts: ids, names, times. */
export class ExplainReasonDto implements ExplainReason {
  [fact: string]: unknown;

  /**
   * Stable name of the reason. `cli-missing` and `cli-signed-out` name the command-line agent as `cli`, the latter also some
   * of the `workers` that have it.
   * @example cli-missing
   */
  @ApiProperty({ enum: REASON_CODES })
  code!: ReasonCode;

  /**
   * The reason for people, with what to do.
   * @example "No live worker has claude. Install it with npm install -g @anthropic-ai/claude-code."
   */
  detail!: string;
}

/** Why a task is where it is. */
export class ExplanationDto implements Explanation {
  /**
   * Where it is in its life.
   * @example pending
   */
  @ApiProperty({ enum: TASK_STATES })
  status!: TaskStatus;

  /** What keeps it from running, what to mend first coming first; of a finished one how it ended. */
  @ApiProperty({ type: [ExplainReasonDto] })
  reasons!: ExplainReasonDto[];

  /**
   * Its place among the ready tasks of its lane (same repository, agent type and labels), from 1 and counted to 1000;
   * null unless it may start now. Other lanes take turns with it.
   * @example 1
   */
  @ApiProperty({ type: 'integer', nullable: true })
  queue_position!: number | null;
}
