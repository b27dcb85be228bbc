import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, ValidateNested } from 'class-validator';
import {
  Flag,
  Id,
  IgnoresUnknownFields,
  Nullable,
  OneOf,
  Optional,
  Pattern,
  RawText,
  Text,
  WholeNumber,
  Words,
} from '../http/fields.js';
import { PageQuery } from '../http/page.js';
import { LABEL } from '../tasks/create-task.dto.js';
import { LauncherDto } from './worker-facts.dto.js';
import { WorkerDto } from './worker.dto.js';
import { HEALTH } from './worker.health.js';
import type { WorkerRegistration } from './workers.service.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MOST_RUNNING = 256;

/** What a worker says of itself when it joins the fleet. */
@IgnoresUnknownFields()
export class RegisterWorkerDto {
  /**
   * Its name, unique among the workers of its scope.
   * @example build-7
   */
  @Text({ min: 1, max: 100 })
  name!: string;

  /**
   * Whom it serves; `instance` needs a key of the instance.
   * @example organization
   */
  @Optional()
  @OneOf(['organization', 'instance'])
  scope?: 'organization' | 'instance';

  /**
   * The coordinator that supervises it, of the same scope. The token of a coordinator registers workers of its own without
   * that, too.
   * @example 0192f0c1-2345-7abc-8def-0123456789af
   */
  @Nullable()
  @Id()
  coordinator_id?: string | null;

  /**
   * Labels it has, `key` or `key=value`.
   * @example ["gpu", "region=eu"]
   */
  @Optional()
  @Words({ max: 50, pattern: LABEL, form: 'a label such as gpu or region=eu' })
  labels?: string[];

  /**
   * Agent types it takes; null or absent is any.
   * @example ["codegen", "review"]
   */
  @Nullable()
  @Words({ max: 100, pattern: /^[a-z0-9][a-z0-9-]{0,62}$/, form: 'the agent_type of an agent' })
  agent_types?: string[] | null;

  /** Command-line agents it has; null or absent is taken at its word for any agent. */
  @Nullable()
  @IsArray()
  @ArrayMaxSize(100)
  @ValidateNested({ each: true })
  @Type(() => LauncherDto)
  @ApiProperty({ type: [LauncherDto], nullable: true, required: false })
  launchers?: LauncherDto[] | null;

  /**
   * How agents are kept from the rest of its machine; `none` when absent.
   * @example none
   */
  @Optional()
  @OneOf(['uid', 'namespace', 'wrapper', 'none'])
  isolation?: string;

  /**
   * How many executions it runs at a time; 1 when absent.
   * @example 2
   */
  @Optional()
  @WholeNumber({ min: 1, max: MOST_RUNNING })
  capacity?: number;

  /**
   * Version of its program.
   * @example 0.1.0
   */
  @Optional()
  @RawText({ max: 100 })
  version?: string;

  /**
   * Version of the worker protocol it speaks; 1 when absent.
   * @example 1
   */
  @Optional()
  @WholeNumber({ min: 0, max: 1_000_000 })
  protocol?: number;

  /**
   * Host it runs on.
   * @example build-7.example.org
   */
  @Optional()
  @RawText({ max: 255 })
  host?: string;

  /**
   * Takes the place of a live worker of this name.
   * @example false
   */
  @Optional()
  @Flag()
  replace?: boolean;

  /**
   * Executions it goes on with after it has come back; all others of this name are handed back.
   * @example []
   */
  @Optional()
  @Words({ max: MOST_RUNNING, pattern: UUID, form: 'the id of an execution' })
  resume?: string[];

  toRegistration(): WorkerRegistration {
    return {
      name: this.name,
      scope: this.scope ?? 'organization',
      coordinator_id: this.coordinator_id?.toLowerCase() ?? null,
      labels: [...new Set(this.labels ?? [])],
      agent_types: this.agent_types ?? null,
      launchers: this.launchers ?? null,
      isolation: this.isolation ?? 'none',
      capacity: this.capacity ?? 1,
      version: this.version ?? null,
      protocol: this.protocol ?? 1,
      host: this.host ?? null,
      replace: this.replace ?? false,
      resume: this.resume ?? [],
    };
  }
}

/** A new member of the fleet, with its token and what it should know. */
export class RegistrationDto {
  /** The worker. */
  worker!: WorkerDto;

  /**
   * Its token. It is shown this once, and bound to this worker alone.
   * @example myw_0123456789ABCDEFGHIJabcdefghij0123456789abcdef
   */
  token!: string;

  /**
   * Version of the worker protocol that this server speaks.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  protocol!: number;

  /**
   * The oldest version it still serves.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  min_protocol!: number;

  /**
   * Version of the server.
   * @example 0.1.0
   */
  server_version!: string;

  /**
   * Send a heartbeat this often, in seconds, a little sooner or later.
   * @example 15
   */
  heartbeat_seconds!: number;

  /**
   * Life of a lease without a heartbeat, in seconds.
   * @example 60
   */
  lease_seconds!: number;

  /**
   * Log entries to send at once, at the most.
   * @example 500
   */
  @ApiProperty({ type: 'integer' })
  log_batch!: number;
}

/** Which workers to list. */
export class WorkersQuery extends PageQuery {
  /**
   * Only workers of this status.
   * @example active
   */
  @Optional()
  @OneOf(['active', 'paused', 'draining', 'stopped'])
  status?: string;

  /**
   * Only workers of this health.
   * @example healthy
   */
  @Optional()
  @OneOf(HEALTH)
  health?: string;

  /**
   * Only workers of this coordinator.
   * @example 0192f0c1-2345-7abc-8def-0123456789af
   */
  @Optional()
  @Id()
  coordinator_id?: string;

  /**
   * Only workers with this label.
   * @example gpu
   */
  @Optional()
  @Pattern(LABEL, 'a label such as gpu or region=eu')
  label?: string;
}
