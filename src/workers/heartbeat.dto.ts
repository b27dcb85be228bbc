import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsObject, ValidateNested } from 'class-validator';
import { AdvanceDto, SignalsDto } from '../executions/reports.dto.js';
import { Id, IgnoresUnknownFields, Optional, Text } from '../http/fields.js';
import { TakenAsSaid } from '../http/free-form.js';
import { LauncherDto, MetricsDto, OwnPauseDto } from './worker-facts.dto.js';

export const MOST_LAUNCHERS = 100;
/** More than a worker may have room for: what an earlier run has left counts, too. */
export const MOST_RUNNING = 1000;

/** An execution that a worker runs, and how far it has come. */
@IgnoresUnknownFields()
export class ExecutionBeatDto extends AdvanceDto {
  /**
   * Id of the execution.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @Id()
  id!: string;
}

/** How a worker ends. */
@IgnoresUnknownFields()
export class OwnStopDto {
  /**
   * For those who see it stopped.
   * @example "Stopped in order."
   */
  @Text({ min: 1, max: 500 })
  note!: string;
}

/** A sign of life. What is wrong in it is left out and named in the answer; the rest is taken. */
@IgnoresUnknownFields()
@TakenAsSaid()
export class HeartbeatDto {
  /** Usage of the machine. */
  @Optional()
  @IsObject()
  @ValidateNested()
  @Type(() => MetricsDto)
  metrics?: MetricsDto;

  /** Command-line agents it has, when that has changed. When nothing of the list can be read, the one before stays. */
  @Optional()
  @IsArray()
  @ArrayMaxSize(MOST_LAUNCHERS)
  @ValidateNested({ each: true })
  @Type(() => LauncherDto)
  @ApiProperty({ type: [LauncherDto], maxItems: MOST_LAUNCHERS, required: false })
  launchers?: LauncherDto[];

  /** Pauses the worker by its own wish, until somebody resumes it; for one that fails at everything it takes. */
  @Optional()
  @IsObject()
  @ValidateNested()
  @Type(() => OwnPauseDto)
  pause?: OwnPauseDto;

  /**
   * The worker ends in order, and this is its last word: it is `stopped` until it registers again, and nobody waits for it or
   * calls it lost.
   */
  @Optional()
  @IsObject()
  @ValidateNested()
  @Type(() => OwnStopDto)
  stop?: OwnStopDto;

  /** What it runs. Exactly these leases are renewed. */
  @Optional()
  @IsArray()
  @ArrayMaxSize(MOST_RUNNING)
  @ValidateNested({ each: true })
  @Type(() => ExecutionBeatDto)
  @ApiProperty({ type: [ExecutionBeatDto], maxItems: MOST_RUNNING, required: false })
  executions?: ExecutionBeatDto[];
}

/** Something a worker has said that was left out, because it is wrong. */
export class IgnoredDto {
  /**
   * Id of the execution of which it was said, as it was sent; null for what is said of the worker.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @ApiProperty({ type: String, nullable: true })
  id!: string | null;

  /**
   * Which member.
   * @example progress
   */
  field!: string;

  /**
   * What is wrong with it.
   * @example "progress must be a whole number from 0 to 100"
   */
  message!: string;
}

/** What a worker learns in return for a heartbeat. */
export class HeartbeatReceiptDto extends SignalsDto {
  /**
   * Time of the server.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  server_time!: string;

  /**
   * Send the next one in so many seconds.
   * @example 15
   */
  next_heartbeat_seconds!: number;

  /**
   * What somebody noted about its status.
   * @example "Updating the operating system"
   */
  note!: string | null;

  /** What was left out because it is wrong; absent when nothing was. */
  ignored?: IgnoredDto[];
}
