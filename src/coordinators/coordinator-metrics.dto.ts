import { ApiProperty } from '@nestjs/swagger';
import { Decimal, IgnoresUnknownFields, Instant, Optional } from '../http/fields.js';
import { PageQuery } from '../http/page.js';
import { MachineUsageDto } from '../workers/machine-usage.dto.js';
import type { MetricSample } from './coordinator-metrics.store.js';
import type { CoordinatorMetrics } from './coordinators.store.js';

/** Usage of the host of a coordinator. What is not known is left out. */
@IgnoresUnknownFields()
export class CoordinatorMetricsDto extends MachineUsageDto implements CoordinatorMetrics {
  /**
   * Milliseconds that its heartbeat before took to be answered.
   * @example 12.5
   */
  @Optional()
  @Decimal({ min: 0, max: 1e9 })
  network_latency_ms?: number;
}

/** What a coordinator reported at some time. */
export class CoordinatorSampleDto {
  /**
   * When it was received.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  recorded_at!: string;

  /**
   * Percent of its processors in use, null when it did not say; so below.
   * @example 35.5
   */
  cpu_usage!: number | null;

  /**
   * Percent of its memory in use.
   * @example 60
   */
  memory_usage!: number | null;

  /**
   * Percent of the disk of its directory in use.
   * @example 71.2
   */
  disk_usage!: number | null;

  /**
   * Milliseconds that its heartbeat before took to be answered.
   * @example 12.5
   */
  network_latency_ms!: number | null;

  /**
   * Seconds since its process was started.
   * @example 86400
   */
  uptime_seconds!: number | null;

  static from({ recorded_at, metrics }: MetricSample): CoordinatorSampleDto {
    return {
      recorded_at: recorded_at.toISOString(),
      cpu_usage: metrics.cpu_usage ?? null,
      memory_usage: metrics.memory_usage ?? null,
      disk_usage: metrics.disk_usage ?? null,
      network_latency_ms: metrics.network_latency_ms ?? null,
      uptime_seconds: metrics.uptime_seconds ?? null,
    };
  }
}

/** Which samples to list. */
export class CoordinatorSamplesQuery extends PageQuery {
  /**
   * Only what was received from then on.
   * @example 2026-01-31T12:00:00Z
   */
  @Optional()
  @Instant()
  since?: string;
}
