import { Decimal, Optional } from '../http/fields.js';
import type { MachineUsage } from './machine-usage.js';

/** How a machine is, as it is told. What is not known is left out. */
export class MachineUsageDto implements MachineUsage {
  /**
   * Percent of its processors in use.
   * @example 35.5
   */
  @Optional()
  @Decimal({ min: 0, max: 100 })
  cpu_usage?: number;

  /**
   * Percent of its memory in use.
   * @example 60
   */
  @Optional()
  @Decimal({ min: 0, max: 100 })
  memory_usage?: number;

  /**
   * Percent of the disk of its directory in use.
   * @example 71.2
   */
  @Optional()
  @Decimal({ min: 0, max: 100 })
  disk_usage?: number;

  /**
   * Seconds since its process was started.
   * @example 86400
   */
  @Optional()
  @Decimal({ min: 0, max: 1e12 })
  uptime_seconds?: number;
}
