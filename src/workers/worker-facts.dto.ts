import { Flag, IgnoresUnknownFields, Nullable, Optional, RawText, Text, WholeNumber } from '../http/fields.js';
import { MachineUsageDto } from './machine-usage.dto.js';
import type { Launcher, WorkerMetrics } from './workers.store.js';

/** A command-line agent that a worker has. */
@IgnoresUnknownFields()
export class LauncherDto implements Launcher {
  /**
   * Its command.
   * @example claude
   */
  @RawText({ max: 100 })
  name!: string;

  /**
   * Its version as it prints it, null when it is not known.
   * @example 2.1.0
   */
  @Nullable()
  @RawText({ max: 200 })
  version?: string | null;

  /**
   * Whether it is signed in to its account, null when that cannot be told.
   * @example true
   */
  @Nullable()
  @Flag()
  signed_in?: boolean | null;

  /**
   * What the fleet calls its account, null or absent for the one that the organization is taken to have. A limit of the
   * provider stops the launchers with the same account.
   * @example team-a
   */
  @Nullable()
  @RawText({ max: 100 })
  account?: string | null;
}

/** Usage of the machine a worker runs on. What is not known is left out. */
@IgnoresUnknownFields()
export class MetricsDto extends MachineUsageDto implements WorkerMetrics {
  /**
   * Bytes on the disk of its directory that it may still use.
   * @example 120000000000
   */
  @Optional()
  @WholeNumber({ min: 0, max: Number.MAX_SAFE_INTEGER })
  disk_free_bytes?: number;

  /**
   * Whether that is less than it needs to begin anything: it claims nothing until there is more. `disk.low` tells of it.
   * @example false
   */
  @Optional()
  @Flag()
  disk_low?: boolean;
}

/** Why a worker wants no more work. */
@IgnoresUnknownFields()
export class OwnPauseDto {
  /**
   * For those who see it paused.
   * @example "Paused by the worker itself: 3 failures of its own in a row (disk_full, git, git)"
   */
  @Text({ min: 1, max: 500 })
  note!: string;
}
