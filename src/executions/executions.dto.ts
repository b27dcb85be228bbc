import { ApiProperty } from '@nestjs/swagger';
import { InvalidInput } from '../domain-error.js';
import { AnyOf, Id, OneOf, Optional, Pattern, QueryNumber, QuerySequence, Text } from '../http/fields.js';
import { PageQuery } from '../http/page.js';
import { EXECUTION_STATES, type ExecutionStatus } from './execution.states.js';
import type { ExecutionListInput, LogsInput } from './executions.input.js';
import type { LogRow } from './executions.store.js';

const LEVELS = ['debug', 'info', 'warn', 'error'];
const MOST_LOGS = 1000;
const DEFAULT_LOGS = 100;
const LAST_SEQUENCE = 2_147_483_647;

/** Which executions to list. */
export class ExecutionsQuery extends PageQuery implements ExecutionListInput {
  /**
   * Only executions with one of these statuses; repeatable.
   * @example ["running"]
   */
  @Optional()
  @AnyOf(EXECUTION_STATES)
  status?: ExecutionStatus[];

  /**
   * Only attempts at this task.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  @Optional()
  @Id()
  task_id?: string;

  /**
   * Only executions by this kind of agent.
   * @example codegen
   */
  @Optional()
  @Pattern(/^[a-z0-9][a-z0-9-]{0,62}$/, 'the agent_type of an agent', 63)
  agent_type?: string;

  /**
   * Only executions of this worker.
   * @example 0192f0c1-2345-7abc-8def-0123456789ae
   */
  @Optional()
  @Id()
  worker_id?: string;

  /**
   * Only executions in this repository.
   * @example 0192f0c1-2345-7abc-8def-0123456789ac
   */
  @Optional()
  @Id()
  repository_id?: string;
}

/** Which entries of a log are meant. */
class LogFilterQuery {
  /**
   * Number of the last entry known; -1, the default, reads from the first.
   * @example 41
   */
  @QuerySequence()
  after: number = -1;

  /**
   * Only this many of the last entries, instead of the first behind `after`.
   * @example 50
   */
  @QueryNumber({ min: 1, max: MOST_LOGS })
  tail?: number;

  /**
   * Only entries of this level or a more severe one.
   * @example warn
   */
  @Optional()
  @OneOf(LEVELS)
  level?: string;

  /**
   * Only entries that hold this text, whatever its case.
   * @example error
   */
  @Optional()
  @Text({ min: 1, max: 200 })
  q?: string;
}

/** Which log entries to read. */
export class LogsQuery extends LogFilterQuery implements LogsInput {
  /**
   * How many entries to answer at the most.
   * @example 100
   */
  @QueryNumber({ min: 1, max: MOST_LOGS, fallback: DEFAULT_LOGS })
  limit: number = DEFAULT_LOGS;
}

/** Which log entries to follow. */
export class LogStreamQuery extends LogFilterQuery {
  /** For a reader who comes again, where it was goes before where it began. Throws InvalidInput. */
  from(lastEventId: string | null): LogsInput {
    const { after, tail, ...filter } = this;
    if (lastEventId === null) return { ...filter, after, tail, limit: DEFAULT_LOGS };
    const seq = Number(lastEventId);
    if (seq > LAST_SEQUENCE) throw new InvalidInput('Last-Event-ID takes the number of an entry of this log.');
    return { ...filter, after: seq, limit: DEFAULT_LOGS };
  }
}

/** One line of what an execution said. */
export class ExecutionLogEntryDto {
  /**
   * Its number within the execution, from 0 without gaps.
   * @example 0
   */
  @ApiProperty({ type: 'integer' })
  seq!: number;

  /**
   * How severe it is.
   * @example info
   */
  @ApiProperty({ enum: LEVELS })
  level!: string;

  /**
   * Where it came from.
   * @example stdout
   */
  @ApiProperty({ enum: ['stdout', 'stderr', 'agent', 'system'] })
  stream!: string;

  /**
   * The line, without its end.
   * @example "All 12 tests passed."
   */
  message!: string;

  /**
   * When it was said, by the worker's clock, or else when it arrived.
   * @example 2026-01-31T12:00:01.000Z
   */
  @ApiProperty({ format: 'date-time' })
  logged_at!: string;

  static from({ seq, level, stream, message, logged_at }: LogRow): ExecutionLogEntryDto {
    return { seq, level, stream, message, logged_at: logged_at.toISOString() };
  }
}

/** Some log entries, oldest first. */
export class LogsPage {
  /** The entries. */
  items!: ExecutionLogEntryDto[];

  /**
   * `after` of the next question.
   * @example 41
   */
  @ApiProperty({ type: 'integer' })
  next_after!: number;

  /**
   * Whether the execution has ended and nothing follows.
   * @example true
   */
  complete!: boolean;
}
