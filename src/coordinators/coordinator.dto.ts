import { ApiProperty } from '@nestjs/swagger';
import { HEALTH, type Health } from '../workers/worker.health.js';
import { CoordinatorMetricsDto } from './coordinator-metrics.dto.js';
import { COORDINATOR_STATUSES, type CoordinatorStatus } from './coordinator.status.js';
import type { CoordinatorMetrics, CoordinatorView } from './coordinators.store.js';

/** How many workers a coordinator has. */
export class CoordinatorWorkersDto {
  /**
   * All that belong to it.
   * @example 4
   */
  @ApiProperty({ type: 'integer' })
  total!: number;

  /**
   * Those that take work: neither paused nor draining nor stopped.
   * @example 4
   */
  @ApiProperty({ type: 'integer' })
  active!: number;

  /**
   * Those that are healthy.
   * @example 3
   */
  @ApiProperty({ type: 'integer' })
  healthy!: number;
}

/** A coordinator as callers see it: a process that supervises the workers of a host. */
export class CoordinatorDto {
  /**
   * Id of the coordinator.
   * @example 0192f0c1-2345-7abc-8def-0123456789af
   */
  @ApiProperty({ format: 'uuid' })
  id!: string;

  /**
   * Whom it serves: its organization, or every one.
   * @example organization
   */
  @ApiProperty({ enum: ['organization', 'instance'] })
  scope!: 'organization' | 'instance';

  /**
   * Its name, unique among the coordinators of its scope.
   * @example build-7
   */
  name!: string;

  /**
   * The host whose workers it supervises, as it said.
   * @example build-7.example.org
   */
  host!: string;

  /**
   * What it is to be: `draining` takes no more work and ends with its workers, `stopped` has.
   * @example active
   */
  @ApiProperty({ enum: COORDINATOR_STATUSES })
  status!: CoordinatorStatus;

  /**
   * Whether it can be counted upon, from the time of its last contact.
   * @example healthy
   */
  @ApiProperty({ enum: HEALTH })
  health!: Health;

  /**
   * How many executions its host runs at a time, over all workers; null when nobody has said.
   * @example 8
   */
  @ApiProperty({ type: 'integer', nullable: true })
  capacity!: number | null;

  /**
   * Labels of its host, for people: what tasks require is what workers have.
   * @example ["region=eu"]
   */
  labels!: string[];

  /** Its workers. */
  workers!: CoordinatorWorkersDto;

  /**
   * Executions its workers run now.
   * @example 3
   */
  @ApiProperty({ type: 'integer' })
  active_tasks!: number;

  /**
   * Executions its workers ended with success.
   * @example 40
   */
  @ApiProperty({ type: 'integer' })
  completed_tasks!: number;

  /**
   * Executions its workers ended without success.
   * @example 3
   */
  @ApiProperty({ type: 'integer' })
  failed_tasks!: number;

  /** Usage of its host as it last reported, null when it did not. */
  @ApiProperty({ type: CoordinatorMetricsDto, nullable: true })
  metrics!: CoordinatorMetrics | null;

  /**
   * When it was last in contact.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  last_heartbeat!: string | null;

  /**
   * What somebody noted about its status.
   * @example "Moving to another host"
   */
  note!: string | null;

  /**
   * When it last registered.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  registered_at!: string;

  static from(coordinator: CoordinatorView): CoordinatorDto {
    return {
      id: coordinator.id,
      scope: coordinator.organization_id === null ? 'instance' : 'organization',
      name: coordinator.name,
      host: coordinator.host,
      status: coordinator.status,
      health: coordinator.health,
      capacity: coordinator.capacity,
      labels: coordinator.labels,
      workers: coordinator.workers,
      active_tasks: coordinator.active_tasks,
      completed_tasks: coordinator.completed_tasks,
      failed_tasks: coordinator.failed_tasks,
      metrics: coordinator.metrics,
      last_heartbeat: coordinator.last_heartbeat && coordinator.last_heartbeat.toISOString(),
      note: coordinator.note,
      registered_at: coordinator.registered_at.toISOString(),
    };
  }
}
