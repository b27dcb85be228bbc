import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsObject, ValidateNested } from 'class-validator';
import { EXECUTION_STATES, type ExecutionStatus } from '../executions/execution.states.js';
import { FinishItemDto } from '../executions/finish.dto.js';
import { LogItemDto, ProgressItemDto, SignalsDto } from '../executions/reports.dto.js';
import { AcceptsUncleanText, IgnoresUnknownFields, Optional } from '../http/fields.js';
import { ItemsAlone, JudgedLater } from '../http/free-form.js';
import type { Problem } from '../http/problem.js';
import { TASK_STATES, type TaskStatus } from '../tasks/task.states.js';
import { IgnoredDto } from './heartbeat.dto.js';
import { ClaimDto, ClaimedExecutionDto } from './protocol.dto.js';
import { MetricsDto } from './worker-facts.dto.js';

const MOST_ITEMS = 256;

/**
 * Several words of a worker at once: first its logs and progress, then its ends, then its wish for work. Its texts are
 * checked with the item that they stand in.
 */
@IgnoresUnknownFields()
@AcceptsUncleanText()
export class ExchangeDto {
  /** Log entries. Batches of one execution are taken in their order. */
  @Optional()
  @ItemsAlone(() => LogItemDto, { max: MOST_ITEMS })
  logs?: unknown[];

  /** How far executions have come. */
  @Optional()
  @ItemsAlone(() => ProgressItemDto, { max: MOST_ITEMS })
  progress?: unknown[];

  /** How executions have ended. */
  @Optional()
  @ItemsAlone(() => FinishItemDto, { max: MOST_ITEMS })
  finish?: unknown[];

  /** Usage of the machine. What is wrong in it is left out and named in the answer. */
  @Optional()
  @JudgedLater(() => MetricsDto)
  metrics?: unknown;

  /** A wish for work. It waits only when everything before it was taken: who did something wrong hears of it at once. */
  @Optional()
  @IsObject()
  @ValidateNested()
  @Type(() => ClaimDto)
  claim?: ClaimDto;
}

/** What came of an item: its own members, or a problem. */
export class ItemReceiptDto {
  /**
   * Id of the execution, as it was sent; null when none was.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  execution_id!: string | null;

  /** Why it was not taken; absent when it was. */
  @ApiProperty({ type: undefined, $ref: '#/components/schemas/Problem', required: false } as object)
  problem?: Problem;
}

/** What came of an end. */
export class FinishItemReceiptDto extends ItemReceiptDto {
  /**
   * What the execution is now.
   * @example completed
   */
  @ApiProperty({ enum: EXECUTION_STATES })
  status?: ExecutionStatus;

  /**
   * What its task is now.
   * @example completed
   */
  @ApiProperty({ enum: TASK_STATES })
  task_status?: TaskStatus;
}

/** What came of a batch of log entries. */
export class LogItemReceiptDto extends ItemReceiptDto {
  /**
   * Number of the next entry to send; with a problem of a wrong offset, the number that was expected.
   * @example 42
   */
  @ApiProperty({ type: 'integer' })
  next_offset?: number;

  /**
   * How many entries held NUL or lone surrogates, which were replaced.
   * @example 0
   */
  @ApiProperty({ type: 'integer' })
  cleaned?: number;
}

/** What came of all that was said, item by item in its order. */
export class ExchangeReceiptDto extends SignalsDto {
  /** What came of each batch of log entries. */
  logs!: LogItemReceiptDto[];

  /** What came of each report. */
  progress!: ItemReceiptDto[];

  /** What came of each end. */
  finish!: FinishItemReceiptDto[];

  /** What was given; empty when there is nothing to do, or nothing was asked for. */
  executions!: ClaimedExecutionDto[];

  /** What was left out of the usage of the machine because it is wrong; absent when nothing was. */
  ignored?: IgnoredDto[];
}
