import { ApiProperty } from '@nestjs/swagger';
import { ActorDto } from '../auth/actor.dto.js';
import { Id } from '../http/fields.js';
import { PageOf } from '../http/page.js';
import type { EnvironmentStatus } from './deployment-status.service.js';

type Placed = EnvironmentStatus['in_progress'][number];

const instantOf = (text: string | null): string | null => (text === null ? null : new Date(text).toISOString());

/** A deployment as far as one environment is concerned. */
export class PlacedDeploymentDto {
  /**
   * Id of the deployment.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * The tag, or the id of the commit.
   * @example v1.4.0
   */
  version!: string;

  /**
   * The commit.
   * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
   */
  commit_sha!: string;

  /**
   * Who deployed it there, as that was told.
   * @example ada
   */
  deployed_by!: string | null;

  /** Who recorded it here, or promoted it there. */
  actor!: ActorDto;

  /**
   * When that began; null when nobody told.
   * @example 2026-01-31T12:05:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  started_at!: string | null;

  /**
   * When it succeeded; null while it is under way.
   * @example 2026-01-31T12:10:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  completed_at!: string | null;

  static from({ id, version, commit_sha, deployed_by, actor, started_at, completed_at }: Placed): PlacedDeploymentDto {
    return {
      ...{ id, version, commit_sha, deployed_by, actor },
      started_at: instantOf(started_at),
      completed_at: instantOf(completed_at),
    };
  }
}

/** What is at an environment of a repository. */
export class EnvironmentStatusDto {
  /**
   * Id of the repository.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  repository_id!: string;

  /**
   * The environment.
   * @example production
   */
  environment!: string;

  /** The last deployment that succeeded there and was not rolled back; null when there is none. */
  @ApiProperty({ type: PlacedDeploymentDto, nullable: true })
  current!: PlacedDeploymentDto | null;

  /** What is under way there, the newest first; at most 20. */
  @ApiProperty({ type: [PlacedDeploymentDto] })
  in_progress!: PlacedDeploymentDto[];

  static from({ repository_id, environment, current, in_progress }: EnvironmentStatus): EnvironmentStatusDto {
    return {
      repository_id,
      environment,
      current: current && PlacedDeploymentDto.from(current),
      in_progress: in_progress.map((placed) => PlacedDeploymentDto.from(placed)),
    };
  }
}

/** One page of environments. */
export class EnvironmentStatusPage extends PageOf(EnvironmentStatusDto) {}
