import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsObject, ValidateNested } from 'class-validator';
import {
  AcceptsUncleanText,
  Flag,
  Id,
  IgnoresUnknownFields,
  Instant,
  OneOf,
  Optional,
  RawText,
  Text,
  WholeNumber,
} from '../http/fields.js';
import { AnyJson } from '../http/free-form.js';
import type { LeaseReport } from '../queue/leases.service.js';
import { ReportedUsageDto } from './reported-usage.dto.js';

const MOST_ENTRIES = 1000;
const LONGEST_MESSAGE = 65_536;
const LARGEST_INTEGER = 2_147_483_647;
/** Longest session id of an agent. */
export const LONGEST_SESSION = 255;
const LARGEST_CHECKPOINT = 256 * 1024;

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

  /**
   * Whether the worker should tell at once which checkouts it has: one of them is to be removed. True in every answer until
   * it has; a worker that tells on a period does so then.
   * @example false
   */
  send_inventory!: boolean;
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

/** How far an execution has come, and what it used so far. */
@IgnoresUnknownFields()
export class AdvanceDto {
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

  /**
   * That the agent has ended: what is left to do is to hand over what it did, for which there are five minutes more than
   * its time limit.
   * @example false
   */
  @Optional()
  @Flag()
  agent_ended?: boolean;

  /** What this attempt has used so far, in all; it counts against the budget of the task. */
  @Optional()
  @IsObject()
  @ValidateNested()
  @Type(() => ReportedUsageDto)
  usage?: ReportedUsageDto;
}

/** How far an execution has come, what it used so far, and where it could go on. */
@IgnoresUnknownFields()
export class ProgressDto extends AdvanceDto {
  /**
   * Where a further attempt could go on: any JSON of at most 256 KiB. The last one is given to the next attempt, should
   * there be one; `null` says that there is nothing to go on from.
   * @example {"step": 3, "files_done": ["a.ts"]}
   */
  @Optional()
  @AnyJson({ maxBytes: LARGEST_CHECKPOINT })
  checkpoint?: unknown;

  /**
   * The agent's own session, which a further attempt may go on with. Told as soon as it is known, it outlives a worker
   * that is lost; otherwise `finish` takes it.
   * @example 5f0c6f2e-8a54-4a43-9b8e-0d3d4f1f7f10
   */
  @Optional()
  @Text({ min: 1, max: LONGEST_SESSION })
  session_id?: string;

  toReport(id: string): LeaseReport {
    const { checkpoint, progress, message, agent_ended, usage, session_id } = this;
    return {
      progress,
      message,
      agent_ended,
      usage,
      session_id,
      id,
      ...(checkpoint !== undefined && { saved: { value: checkpoint } }),
    };
  }
}

/** Log entries of an execution, among other things that are said. */
@IgnoresUnknownFields()
@AcceptsUncleanText()
export class LogItemDto extends LogBatchDto {
  /**
   * Id of the execution.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @Id()
  execution_id!: string;
}

/** How far an execution has come, among other things that are said. */
@IgnoresUnknownFields()
export class ProgressItemDto extends ProgressDto {
  /**
   * Id of the execution.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @Id()
  execution_id!: string;
}
