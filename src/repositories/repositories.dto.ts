import { ApiProperty } from '@nestjs/swagger';
import { Id, Nullable, OneOf, Optional, Pattern, Text, WholeNumber } from '../http/fields.js';
import { PageOf } from '../http/page.js';
import { REPOSITORY_STATUSES, type Repository, type RepositoryStatus } from './repository.entity.js';

const FULL_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;
/** A branch name by git-check-ref-format(1), outside of the names that executions push. */
export const BRANCH =
  /^(?!-|\/|task$|task\/|HEAD$|@$)(?!.*(?:\.\.|\/\/|\/\.|@\{|\.lock(?:\/|$)))(?!\.)[^\u0000-\u0020\u007f~^:?*[\\]*[^\u0000-\u0020\u007f~^:?*[\\/.]$/;
export const BRANCH_FORM = 'a branch name of Git, other than task and task/...';
const AGENT_TYPE = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** The address of one repository. */
export class RepositoryPath {
  /**
   * Id of the repository.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;
}

/** How to delete a repository. */
export class DeleteRepositoryQuery {
  /**
   * `true` to lose what would be lost: its tasks, and what was pushed and not merged.
   * @example "true"
   */
  @Optional()
  @OneOf(['true', 'false'])
  force?: 'true' | 'false';
}

/** A repository to register. Exactly one of `full_name`, `clone_url` and `local_path` says where it is. */
export class RegisterRepositoryDto {
  /**
   * Owner and name on GitHub.
   * @example octocat/hello-world
   */
  @Optional()
  @Pattern(FULL_NAME, 'owner/name as on GitHub', 140)
  full_name?: string;

  /**
   * An `https://` or `ssh://` address (also `git@host:path`) without credentials, or a `file://` one below a
   * configured root. Private and loopback addresses are refused unless the server is configured to allow them.
   * @example https://example.com/team/project.git
   */
  @Optional()
  @Text({ min: 1, max: 2048 })
  clone_url?: string;

  /**
   * Absolute path of a work tree or bare repository on the server's host, below a root that
   * `LOCAL_REPOSITORY_ROOTS` names. It is only read: what workers push is in the server's own mirror.
   * @example /srv/repositories/project
   */
  @Optional()
  @Text({ min: 1, max: 4096 })
  local_path?: string;

  /**
   * Branch that tasks start from. Default: the one a clone would check out.
   * @example main
   */
  @Optional()
  @Pattern(BRANCH, BRANCH_FORM)
  default_branch?: string;
}

/** What to change; absent fields stay as they are. */
export class UpdateRepositoryDto {
  /**
   * Branch that tasks start from.
   * @example main
   */
  @Optional()
  @Pattern(BRANCH, BRANCH_FORM)
  default_branch?: string;

  /**
   * Agent type of tasks that name none; null goes back to the default of the fleet.
   * @example codegen
   */
  @Nullable()
  @Pattern(AGENT_TYPE, 'an agent type such as codegen', 64)
  default_agent_type?: string | null;

  /**
   * How many of its tasks the fleet runs at a time, 1 to 10000; null for no limit. What runs already goes on, and what is
   * begun by hand does not count.
   * @example 4
   */
  @Nullable()
  @WholeNumber({ min: 1, max: 10_000 })
  max_running?: number | null;
}

/** A registered Git repository. */
export class RepositoryDto {
  /**
   * Id of the repository.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * Id of the organization it belongs to.
   * @example 019c1234-5678-7abc-8def-0123456789ac
   */
  @Id()
  organization_id!: string;

  /**
   * Owner and name where it is on GitHub, else null.
   * @example octocat/hello-world
   */
  full_name!: string | null;

  /**
   * Where it is fetched from, never with credentials; null for one registered by path.
   * @example https://github.com/octocat/hello-world.git
   */
  clone_url!: string | null;

  /**
   * Path on the server's host, links resolved; null for one registered by address.
   * @example /home/ada/projects/hello
   */
  local_path!: string | null;

  /**
   * Branch that tasks start from; `main` until the first fetch has told.
   * @example main
   */
  default_branch!: string;

  /**
   * `syncing` until the first fetch is done and during one that was asked for; `error` while the last one failed.
   * @example ready
   */
  @ApiProperty({ enum: REPOSITORY_STATUSES })
  status!: RepositoryStatus;

  /**
   * Why the last fetch failed; null when it went well.
   * @example "The source cannot be reached."
   */
  last_error!: string | null;

  /**
   * When it was last fetched without a fault; null before that.
   * @example 2026-01-31T12:00:00.000Z
   */
  last_synced_at!: Date | null;

  /**
   * Agent type of tasks that name none; null for the default of the fleet.
   * @example codegen
   */
  default_agent_type!: string | null;

  /**
   * How many of its tasks the fleet runs at a time; null for no limit.
   * @example 4
   */
  max_running!: number | null;

  /**
   * When it was registered.
   * @example 2026-01-31T12:00:00.000Z
   */
  created_at!: Date;

  static from(row: Repository): RepositoryDto {
    return Object.assign(new RepositoryDto(), {
      id: row.id,
      organization_id: row.organization_id,
      full_name: row.full_name,
      clone_url: row.clone_url,
      local_path: row.local_path,
      default_branch: row.default_branch ?? 'main',
      status: row.status,
      last_error: row.last_error,
      last_synced_at: row.last_synced_at,
      default_agent_type: row.default_agent_type,
      max_running: row.max_running,
      created_at: row.created_at,
    });
  }
}

/** One page of repositories. */
export class RepositoryPage extends PageOf(RepositoryDto) {}
