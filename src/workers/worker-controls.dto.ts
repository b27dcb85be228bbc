import { Instant, Nullable, Text } from '../http/fields.js';
import { WorkerDto } from './worker.dto.js';

/** Why a worker is to finish and stop. */
export class DrainWorkerDto {
  /**
   * For those who see it drain.
   * @example "Moving to another host"
   */
  @Nullable()
  @Text({ min: 1, max: 1000 })
  note?: string | null;
}

/** Why a worker is to take nothing, and until when. */
export class PauseWorkerDto {
  /**
   * For those who see it paused.
   * @example "Updating the operating system"
   */
  @Nullable()
  @Text({ min: 1, max: 1000 })
  note?: string | null;

  /**
   * It takes work again from then on, within a hundred years; absent or null, when somebody resumes it.
   * @example 2099-01-31T12:00:00Z
   */
  @Nullable()
  @Instant()
  until?: string | null;
}

/** A worker's new token. */
export class RotatedTokenDto {
  /** The worker. */
  worker!: WorkerDto;

  /**
   * Its token. It is shown this once, and bound to this worker alone.
   * @example myw_0123456789ABCDEFGHIJabcdefghij0123456789abcdef
   */
  token!: string;

  /**
   * For how long the tokens it had stay good, in seconds.
   * @example 600
   */
  former_valid_seconds!: number;
}

/** How many workers there are of each health. */
export class WorkerStatsDto {
  /**
   * All that the caller may see.
   * @example 7
   */
  total!: number;

  /**
   * In contact within the last 60 seconds.
   * @example 5
   */
  healthy!: number;

  /**
   * Silent for 60 seconds or more.
   * @example 1
   */
  degraded!: number;

  /**
   * Silent for 300 seconds or more, or not active: paused, draining or stopped.
   * @example 1
   */
  unhealthy!: number;

  /**
   * Registered, and not in contact since.
   * @example 0
   */
  unknown!: number;
}
