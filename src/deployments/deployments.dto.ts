import { Id, Nullable, OneOf, Optional, Pattern, Text, WholeNumber, AnyOf } from '../http/fields.js';
import { PageQuery } from '../http/page.js';
import { DEPLOYMENT_STATES, INITIAL_DEPLOYMENT_STATES, type DeploymentStatus } from './deployment.states.js';

// What git allows in the name of a tag and more; it is compared with the tags there are, never handed to git.
const VERSION = /^[^\u0000-\u0020\u007f]+$/;
const VERSION_FORM = 'a tag, or the whole id of a commit';
const MAX_VERSION = 4096;
const ENVIRONMENT = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const ENVIRONMENT_FORM = 'lower-case letters, digits, dots, dashes and underscores, such as staging';
const MAX_PULL_REQUEST = 2_147_483_647;

/** The name of a tag or the id of a commit in a request. */
export const VersionField = () => Pattern(VERSION, VERSION_FORM, MAX_VERSION);

/** Which deployments to list. */
export class DeploymentsQuery extends PageQuery {
  /**
   * The repository whose tags and deployments are listed. Default: all of the organization, when there are at most 200.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Optional()
  @Id()
  repository_id?: string;

  /**
   * Only what is, was or is to be at this environment.
   * @example production
   */
  @Optional()
  @Pattern(ENVIRONMENT, ENVIRONMENT_FORM, 63)
  environment?: string;

  /**
   * Only deployments of these statuses; repeatable.
   * @example ["success"]
   */
  @Optional()
  @AnyOf(DEPLOYMENT_STATES)
  status?: DeploymentStatus[];
}

/** Which environments to tell of. */
export class DeploymentStatusQuery extends PageQuery {
  /**
   * Only environments of this repository.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Optional()
  @Id()
  repository_id?: string;

  /**
   * Only this environment.
   * @example production
   */
  @Optional()
  @Pattern(ENVIRONMENT, ENVIRONMENT_FORM, 63)
  environment?: string;
}

/** Which versions to compare. */
export class CompareDeploymentsQuery extends PageQuery {
  /**
   * The repository of both.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  repository_id!: string;

  /**
   * The version to begin at: a tag, or the whole id of a commit.
   * @example v1.3.0
   */
  @VersionField()
  from!: string;

  /**
   * The version to end at: a tag, or the whole id of a commit.
   * @example v1.4.0
   */
  @VersionField()
  to!: string;
}

/** A deployment to record. */
export class RecordDeploymentDto {
  /**
   * The repository of the version.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  repository_id!: string;

  /**
   * A tag of the repository, or the whole id of a commit.
   * @example v1.4.0
   */
  @VersionField()
  version!: string;

  /**
   * Where it goes. Default: `staging` for a version with a pre-release suffix (alpha, beta, rc), else `production`.
   * @example production
   */
  @Optional()
  @Pattern(ENVIRONMENT, ENVIRONMENT_FORM, 63)
  environment?: string;

  /**
   * How far it is. Default: `recorded`, which is to say that it has not begun.
   * @example in_progress
   */
  @Optional()
  @OneOf(INITIAL_DEPLOYMENT_STATES)
  status?: (typeof INITIAL_DEPLOYMENT_STATES)[number];

  /**
   * Who deploys it. Default: the login of the caller; for the keys of programs nobody.
   * @example ada
   */
  @Optional()
  @Text({ min: 1, max: 255 })
  deployed_by?: string;

  /**
   * Number of the pull request that it is from.
   * @example 42
   */
  @Optional()
  @WholeNumber({ min: 1, max: MAX_PULL_REQUEST })
  pull_request_number?: number;

  /**
   * What people should know of it.
   * @example "Runs the migration of the accounts."
   */
  @Optional()
  @Text({ min: 1, max: 10_000 })
  notes?: string;
}

/** What to change; absent fields stay as they are. */
export class UpdateDeploymentDto {
  /**
   * Promotes it to another environment, where it is `recorded` until `status` or a later change says more. What has
   * succeeded may go on, and what has not begun. What had succeeded also stays where it was, as a deployment of its own
   * that can be rolled back there: `promoted_from`.
   * @example production
   */
  @Optional()
  @Pattern(ENVIRONMENT, ENVIRONMENT_FORM, 63)
  environment?: string;

  /**
   * `recorded` may become `in_progress`, `success` or `failed`; `in_progress` either of the last two; `success` and
   * `failed` may become `rolled_back`, and `failed` also `in_progress` again. Everything else is refused.
   * @example success
   */
  @Optional()
  @OneOf(DEPLOYMENT_STATES)
  status?: DeploymentStatus;

  /**
   * Who deploys it; null for nobody in particular.
   * @example ada
   */
  @Nullable()
  @Text({ min: 1, max: 255 })
  deployed_by?: string | null;

  /**
   * Number of the pull request that it is from; null for none.
   * @example 42
   */
  @Nullable()
  @WholeNumber({ min: 1, max: MAX_PULL_REQUEST })
  pull_request_number?: number | null;

  /**
   * What people should know of it; null for nothing.
   * @example "Rolled back because of the load."
   */
  @Nullable()
  @Text({ min: 1, max: 10_000 })
  notes?: string | null;
}
