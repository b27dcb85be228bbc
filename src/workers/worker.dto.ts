import { ApiProperty } from '@nestjs/swagger';
import { HEALTH, type Health } from './worker.health.js';
import type { Launcher, WorkerMetrics, WorkerView } from './workers.store.js';
import { LauncherDto, MetricsDto } from './worker-facts.dto.js';

const STATUSES = ['active', 'paused', 'draining', 'stopped'] as const;

/** A worker as callers see it. */
export class WorkerDto {
  /**
   * Id of the worker.
   * @example 0192f0c1-2345-7abc-8def-0123456789ae
   */
  @ApiProperty({ format: 'uuid' })
  id!: string;

  /**
   * Whom it serves: its organization, or every one.
   * @example instance
   */
  @ApiProperty({ enum: ['organization', 'instance'] })
  scope!: 'organization' | 'instance';

  /**
   * Its name, unique among the workers of its scope.
   * @example local
   */
  name!: string;

  /**
   * The coordinator that supervises it; null for one that somebody started.
   * @example 0192f0c1-2345-7abc-8def-0123456789af
   */
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  coordinator_id!: string | null;

  /**
   * What it is to be: `paused` goes on with what it runs and takes no more, `draining` ends after that, `stopped` has.
   * @example active
   */
  @ApiProperty({ enum: STATUSES })
  status!: WorkerView['status'];

  /**
   * Whether it can be counted upon, from the time of its last contact.
   * @example healthy
   */
  @ApiProperty({ enum: HEALTH })
  health!: Health;

  /**
   * Labels it has, for tasks that require them.
   * @example ["gpu", "region=eu"]
   */
  labels!: string[];

  /**
   * Agent types it takes; null is any.
   * @example ["codegen", "review"]
   */
  @ApiProperty({ type: [String], nullable: true })
  agent_types!: string[] | null;

  /** Command-line agents it has; null when it does not say, which is taken at its word for any agent. */
  @ApiProperty({ type: [LauncherDto], nullable: true })
  launchers!: Launcher[] | null;

  /**
   * How agents are kept from the rest of its machine.
   * @example none
   */
  @ApiProperty({ enum: ['uid', 'namespace', 'wrapper', 'none'] })
  isolation!: string;

  /**
   * How many executions it runs at a time.
   * @example 2
   */
  @ApiProperty({ type: 'integer' })
  capacity!: number;

  /**
   * Version of its program.
   * @example 0.1.0
   */
  version!: string | null;

  /**
   * Version of the worker protocol it speaks.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  protocol!: number;

  /**
   * Host it runs on, as it said.
   * @example build-7
   */
  host!: string | null;

  /**
   * Executions it runs now.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  active_tasks!: number;

  /**
   * Executions it ended with success.
   * @example 40
   */
  @ApiProperty({ type: 'integer' })
  completed_tasks!: number;

  /**
   * Executions it ended without success.
   * @example 3
   */
  @ApiProperty({ type: 'integer' })
  failed_tasks!: number;

  /** Usage of its machine as it last reported, null when it did not. */
  @ApiProperty({ type: MetricsDto, nullable: true })
  metrics!: WorkerMetrics | null;

  /**
   * When it was last in contact.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  last_heartbeat!: string | null;

  /**
   * When it last began or ended an execution.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  last_work_at!: string | null;

  /**
   * What somebody noted about its status.
   * @example "Updating the operating system"
   */
  note!: string | null;

  /**
   * When its pause ends by itself; null when it is not paused, or for as long as nobody resumes it.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  paused_until!: string | null;

  /**
   * When it last registered.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  registered_at!: string;

  static from(worker: WorkerView): WorkerDto {
    return {
      id: worker.id,
      scope: worker.organization_id === null ? 'instance' : 'organization',
      name: worker.name,
      coordinator_id: worker.coordinator_id,
      status: worker.status,
      health: worker.health,
      labels: worker.labels,
      agent_types: worker.agent_types,
      launchers: worker.launchers as Launcher[] | null,
      isolation: worker.isolation,
      capacity: worker.capacity,
      version: worker.version,
      protocol: worker.protocol,
      host: worker.host,
      active_tasks: worker.active_tasks,
      completed_tasks: worker.completed_tasks,
      failed_tasks: worker.failed_tasks,
      metrics: worker.metrics,
      last_heartbeat: worker.last_heartbeat && worker.last_heartbeat.toISOString(),
      last_work_at: worker.last_work_at && worker.last_work_at.toISOString(),
      note: worker.note,
      paused_until: worker.paused_until && worker.paused_until.toISOString(),
      registered_at: worker.registered_at.toISOString(),
    };
  }
}
