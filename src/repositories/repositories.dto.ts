import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsObject, ValidateNested } from 'class-validator';
import { Flag, Id, Nullable, OneOf, Optional, Pattern, Text, WholeNumber } from '../http/fields.js';
import { PageOf } from '../http/page.js';
import type { Repository } from './repositories.service.js';
import { REPOSITORY_STATUSES, type RepositoryStatus } from './repository.entity.js';

// GitHub has no repository whose name ends in .git: that is how its address ends.
const FULL_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})\/(?!\.{1,2}$)(?!.*\.git$)[A-Za-z0-9._-]{1,100}$/;
/** A branch name by git-check-ref-format(1), outside of the names that executions push. */
export const BRANCH =
  /^(?!-|\/|task$|task\/|HEAD$|@$)(?!.*(?:\.\.|\/\/|\/\.|@\{|\.lock(?:\/|$)))(?!\.)[^\u0000-\u0020\u007f~^:?*[\\]*[^\u0000-\u0020\u007f~^:?*[\\/.]$/;
export const BRANCH_FORM = 'a branch name of Git, other than task and task/...';
/** No name of git is longer than a path. */
const MOST_OF_A_NAME = 4096;
const USER_NAME = /^[^\u0000-\u001f\u007f:]+$/;
const PASSWORD = /^[^\u0000-\u001f\u007f]+$/;
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

/**
 * What a private repository is fetched with. It is kept encrypted, given to its host alone, and never shown; a token that
 * may read this one repository is best.
 */
export class CredentialsDto {
  /**
   * User name for the host, without a colon. Default: `x-access-token`, which hosts take that look at the token alone.
   * @example x-access-token
   */
  @Optional()
  @Pattern(USER_NAME, 'a user name of 1 to 255 characters without colons and control characters')
  username?: string;

  /**
   * Password, or a token for reading: at GitHub a fine-grained one with the permission *Contents: read*.
   * @example github_pat_11AAAAAAA0example
   */
  @Pattern(PASSWORD, 'a password or token of 1 to 4096 characters without control characters', 4096)
  password!: string;
}

/** A repository to register. Exactly one of `full_name`, `clone_url` and `local_path` says where it is. */
export class RegisterRepositoryDto {
  /**
   * Owner and name on GitHub.
   * @example octocat/hello-world
   */
  @Optional()
  @Pattern(FULL_NAME, 'owner/name as on GitHub, without .git', 140)
  full_name?: string;

  /**
   * An `https://` or `ssh://` address (also `git@host:path`), or a `file://` one below a configured root; never with
   * credentials in it, which have a field of their own. Private and loopback addresses are refused unless the server is
   * configured to allow them.
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
   * Branch that tasks start from. Default: the one a clone of the source would check out, also when that changes.
   * @example main
   */
  @Optional()
  @Pattern(BRANCH, BRANCH_FORM, MOST_OF_A_NAME)
  default_branch?: string;

  /**
   * Whether a pull request is opened when a task has succeeded that does not say it itself; false when absent.
   * @example false
   */
  @Optional()
  @Flag()
  auto_pr?: boolean;

  /** For a private repository at an https address, that of `full_name` included. */
  @Optional()
  @IsObject()
  @ValidateNested()
  @Type(() => CredentialsDto)
  credentials?: CredentialsDto;
}

/** What to change; absent fields stay as they are. */
export class UpdateRepositoryDto {
  /**
   * Branch that tasks start from, which must be there; null follows the source again.
   * @example main
   */
  @Nullable()
  @Pattern(BRANCH, BRANCH_FORM, MOST_OF_A_NAME)
  default_branch?: string | null;

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

  /**
   * Whether a pull request is opened when a task has succeeded that does not say it itself. Tasks that are there already
   * stay as they are.
   * @example true
   */
  @Optional()
  @Flag()
  auto_pr?: boolean;
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
   * What is to be said of what was fetched: branches that cannot be shown, a HEAD without a branch, a default branch
   * that is gone, a history that is cut off. Null when that is nothing.
   * @example "1 branch of the source is not shown, because its name begins with task, which belongs to executions here: task/mine."
   */
  notice!: string | null;

  /**
   * When it was last fetched without a fault; null before that.
   * @example 2026-01-31T12:00:00.000Z
   */
  last_synced_at!: Date | null;

  /**
   * When the server's mirror of it was last found damaged and made anew; null when it never was.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ format: 'date-time' })
  mirror_rebuilt_at!: Date | null;

  /**
   * Branches of executions that could not be read any more in a damaged mirror, at most a hundred of each time. What is
   * left of them is kept on the server's disk.
   * @example []
   */
  lost_branches!: string[];

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
   * Whether a pull request is opened when a task has succeeded that does not say it itself.
   * @example false
   */
  auto_pr!: boolean;

  /**
   * Whether credentials are kept for its host. What they are is never answered.
   * @example false
   */
  has_credentials!: boolean;

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
      notice: row.notice,
      last_synced_at: row.last_synced_at,
      mirror_rebuilt_at: row.mirror_rebuilt_at,
      lost_branches: row.lost_branches,
      default_agent_type: row.default_agent_type,
      max_running: row.max_running,
      auto_pr: row.auto_pr,
      has_credentials: row.has_credentials,
      created_at: row.created_at,
    });
  }
}

/** One page of repositories. */
export class RepositoryPage extends PageOf(RepositoryDto) {}
