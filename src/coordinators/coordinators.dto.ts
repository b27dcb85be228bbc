import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsObject, ValidateNested } from 'class-validator';
import { Flag, IgnoresUnknownFields, Nullable, OneOf, Optional, Text, WholeNumber, Words } from '../http/fields.js';
import { PageQuery } from '../http/page.js';
import { LABEL } from '../tasks/create-task.dto.js';
import { HEALTH } from '../workers/worker.health.js';
import { CoordinatorMetricsDto } from './coordinator-metrics.dto.js';
import { CoordinatorDto } from './coordinator.dto.js';
import { COORDINATOR_STATUSES, type CoordinatorStatus } from './coordinator.status.js';
import type { CoordinatorRegistration } from './coordinators.service.js';

const MOST_RUNNING = 65_536;

/** What a coordinator says of itself. */
@IgnoresUnknownFields()
export class RegisterCoordinatorDto {
  /**
   * Its name, unique among the coordinators of its scope.
   * @example build-7
   */
  @Text({ min: 1, max: 100 })
  name!: string;

  /**
   * The host whose workers it supervises.
   * @example build-7.example.org
   */
  @Text({ min: 1, max: 255 })
  host!: string;

  /**
   * Whom it serves; `instance` needs a key of the instance.
   * @example organization
   */
  @Optional()
  @OneOf(['organization', 'instance'])
  scope?: 'organization' | 'instance';

  /**
   * How many executions its host runs at a time, over all workers. Absent or null leaves it as it was.
   * @example 8
   */
  @Nullable()
  @WholeNumber({ min: 1, max: MOST_RUNNING })
  capacity?: number | null;

  /**
   * Labels of its host. Absent leaves them as they were.
   * @example ["region=eu"]
   */
  @Optional()
  @Words({ max: 50, pattern: LABEL, form: 'a label such as gpu or region=eu' })
  labels?: string[];

  /**
   * Takes the place of a live coordinator of this name.
   * @example false
   */
  @Optional()
  @Flag()
  replace?: boolean;

  toRegistration(): CoordinatorRegistration {
    return {
      name: this.name,
      host: this.host,
      scope: this.scope ?? 'organization',
      capacity: this.capacity,
      labels: this.labels && [...new Set(this.labels)],
      replace: this.replace ?? false,
    };
  }
}

/** A coordinator, with its token. */
export class CoordinatorRegistrationDto {
  /** The coordinator. */
  coordinator!: CoordinatorDto;

  /**
   * Its token. It is shown this once. Those the coordinator had are refused from now on, but for the one that it has come
   * back with, which is good until it comes back with this one.
   * @example myc_0123456789ABCDEFGHIJabcdefghij0123456789abcdef
   */
  token!: string;

  /**
   * Send a heartbeat this often, in seconds, a little sooner or later.
   * @example 15
   */
  heartbeat_seconds!: number;
}

/** A sign of life. */
@IgnoresUnknownFields()
export class CoordinatorHeartbeatDto {
  /** Usage of its host. */
  @Optional()
  @IsObject()
  @ValidateNested()
  @Type(() => CoordinatorMetricsDto)
  @ApiProperty({ type: CoordinatorMetricsDto, required: false })
  metrics?: CoordinatorMetricsDto;
}

/** What a coordinator is to know. */
export class CoordinatorReceiptDto {
  /**
   * Time of the server.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  server_time!: string;

  /**
   * When to send the next one, in seconds.
   * @example 15
   */
  next_heartbeat_seconds!: number;

  /**
   * What it is to be: `draining` starts no worker any more and ends with those it has, `stopped` ends.
   * @example active
   */
  @ApiProperty({ enum: COORDINATOR_STATUSES })
  desired_status!: CoordinatorStatus;

  /**
   * What somebody noted about that.
   * @example "Moving to another host"
   */
  note!: string | null;
}

/** Why a coordinator is to finish and stop. */
export class DrainCoordinatorDto {
  /**
   * For those who see it drain.
   * @example "Moving to another host"
   */
  @Nullable()
  @Text({ min: 1, max: 1000 })
  note?: string | null;
}

/** What is to be different of a coordinator. */
export class UpdateCoordinatorDto {
  /**
   * Its name. A process that registers under another one is another coordinator.
   * @example build-8
   */
  @Optional()
  @Text({ min: 1, max: 100 })
  name?: string;

  /**
   * How many executions its host runs at a time; null when nobody knows.
   * @example 8
   */
  @Nullable()
  @WholeNumber({ min: 1, max: MOST_RUNNING })
  capacity?: number | null;

  /**
   * Labels of its host.
   * @example ["region=eu"]
   */
  @Optional()
  @Words({ max: 50, pattern: LABEL, form: 'a label such as gpu or region=eu' })
  labels?: string[];
}

/** Which coordinators to list. */
export class CoordinatorsQuery extends PageQuery {
  /**
   * Only coordinators of this status.
   * @example active
   */
  @Optional()
  @OneOf(COORDINATOR_STATUSES)
  status?: CoordinatorStatus;

  /**
   * Only coordinators of this health.
   * @example healthy
   */
  @Optional()
  @OneOf(HEALTH)
  health?: string;
}
