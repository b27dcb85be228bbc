import { ApiProperty } from '@nestjs/swagger';
import { ActorDto } from '../auth/actor.dto.js';
import { Id } from '../http/fields.js';
import { PageOf } from '../http/page.js';
import { UnreadRepositoryDto } from '../repositories/unread-repository.dto.js';
import type { DeploymentList } from './deployment-lists.service.js';
import { DEPLOYMENT_STATES, type DeploymentStatus } from './deployment.states.js';
import type { DeploymentView } from './deployment-view.js';

/** A version of a repository, and what is known of its deployment. What nobody has told is null. */
export class DeploymentDto implements DeploymentView {
  /**
   * Its id. A tag that nobody has recorded has one too, which stays the same until the tag is moved, and is that of its
   * first record.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * Id of the repository.
   * @example 019c1234-5678-7abc-8def-0123456789ac
   */
  @Id()
  repository_id!: string;

  /**
   * The tag, or the id of the commit. A byte of a tag's name that is no text is written `\xNN`.
   * @example v1.4.0
   */
  version!: string;

  /**
   * The commit that is deployed; null for a tag that leads to a file or a folder instead of a commit.
   * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
   */
  commit_sha!: string | null;

  /**
   * Where it is, or is to be. Of a tag that nobody has recorded: `staging` if it has a pre-release suffix (alpha, beta,
   * rc), else `production`.
   * @example production
   */
  environment!: string;

  /**
   * How far it is. `recorded`: it exists, and nobody has told that it was deployed.
   * @example success
   */
  @ApiProperty({ enum: DEPLOYMENT_STATES })
  status!: DeploymentStatus;

  /**
   * Who knows of it: the repository alone (`tag`), somebody who told this server (`api`), or GitHub.
   * @example api
   */
  @ApiProperty({ enum: ['tag', 'api', 'github'] })
  source!: 'tag' | 'api' | 'github';

  /**
   * Who deployed it, as that was told; of a tag alone, who made it. Lightweight tags do not tell.
   * @example ada
   */
  deployed_by!: string | null;

  /** Who recorded it here, or promoted it to where it is; null for a tag alone. */
  @ApiProperty({ type: ActorDto, nullable: true })
  actor!: ActorDto | null;

  /**
   * Number of the pull request that it is from.
   * @example 42
   */
  @ApiProperty({ type: 'integer', nullable: true })
  pull_request_number!: number | null;

  /**
   * What people should know of it.
   * @example "Runs the migration of the accounts."
   */
  notes!: string | null;

  /**
   * Id of the deployment that has stayed in the environment which this one was promoted from; null when there is none,
   * as nothing was promoted, or it had not succeeded there.
   * @example 019c1234-5678-7abc-8def-0123456789ad
   */
  @ApiProperty({ format: 'uuid' })
  promoted_from!: string | null;

  /**
   * When the version was made, by which lists are ordered: the time of its tag; of a commit without one, when it was
   * recorded. Null for a tag that tells no time.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  released_at!: Date | null;

  /**
   * When it was recorded; of a tag alone, when that was made.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  created_at!: Date | null;

  /**
   * When its record was last changed.
   * @example 2026-01-31T12:10:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  updated_at!: Date | null;

  /**
   * When its deployment to this environment began, as this server was told.
   * @example 2026-01-31T12:05:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  started_at!: Date | null;

  /**
   * When it succeeded or failed there.
   * @example 2026-01-31T12:10:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  completed_at!: Date | null;

  /**
   * When it was rolled back.
   * @example 2026-01-31T14:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  rolled_back_at!: Date | null;

  static from(view: DeploymentView): DeploymentDto {
    return Object.assign(new DeploymentDto(), {
      id: view.id,
      repository_id: view.repository_id,
      version: view.version,
      commit_sha: view.commit_sha,
      environment: view.environment,
      status: view.status,
      source: view.source,
      deployed_by: view.deployed_by,
      actor: view.actor,
      pull_request_number: view.pull_request_number,
      notes: view.notes,
      promoted_from: view.promoted_from,
      released_at: view.released_at,
      created_at: view.created_at,
      updated_at: view.updated_at,
      started_at: view.started_at,
      completed_at: view.completed_at,
      rolled_back_at: view.rolled_back_at,
    });
  }
}

/** One page of deployments. */
export class DeploymentPage extends PageOf(DeploymentDto) {
  /** Repositories whose tags are, or may be, missing from the page, and why; what was recorded of them is there. */
  @ApiProperty({ type: [UnreadRepositoryDto] })
  unread!: UnreadRepositoryDto[];

  static from({ items, next_cursor, unread }: DeploymentList<DeploymentDto>): DeploymentPage {
    return Object.assign(new DeploymentPage(), {
      items,
      next_cursor,
      unread: unread.map((one) => UnreadRepositoryDto.from(one)),
    });
  }
}
