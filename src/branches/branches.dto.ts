import { ApiProperty } from '@nestjs/swagger';
import { Id, Optional, Pattern, QueryNumber, Text } from '../http/fields.js';
import { DEFAULT_LIMIT, PageOf } from '../http/page.js';
import type { Branches, BranchView } from './repository-branches.service.js';

/** The repository whose branches are asked for. */
export class BranchesPath {
  /**
   * Id of the repository.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;
}

/** Which branches to list. */
export class BranchesQuery {
  /**
   * How many items to answer at the most.
   * @example 20
   */
  @QueryNumber({ min: 1, max: 100, fallback: DEFAULT_LIMIT })
  limit: number = DEFAULT_LIMIT;

  /**
   * `next_cursor` of the page before; absent for the first page. It holds the name of a branch, which may be long.
   * @example bWFpbg
   */
  @Optional()
  @Pattern(/^[A-Za-z0-9_-]+$/, 'the next_cursor of an earlier answer', 6000)
  cursor?: string;

  /**
   * Only branches whose name holds this text, without regard to case.
   * @example task/
   */
  @Optional()
  @Text({ min: 1, max: 255 })
  q?: string;
}

/** Whose a branch is. */
export class BranchOwnerDto {
  /**
   * The execution that pushes or has pushed it.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @ApiProperty({ format: 'uuid' })
  execution_id!: string;

  /**
   * The task it works for.
   * @example 0192f0c1-2345-7abc-8def-0123456789ae
   */
  @ApiProperty({ format: 'uuid' })
  task_id!: string;

  /**
   * How the execution stands.
   * @example completed
   */
  status!: string;
}

/** A branch of a repository. */
export class BranchDto {
  /**
   * Its name. Git takes any bytes: one that belongs to no character of UTF-8 is written as `\xNN`, and `ref` takes it like
   * that.
   * @example main
   */
  name!: string;

  /**
   * Id of the commit it is at.
   * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
   */
  head_sha!: string;

  /**
   * Whether it is the branch that tasks start from.
   * @example true
   */
  is_default!: boolean;

  /**
   * The first paragraph of the commit's message on one line, at most 1,000 characters.
   * @example "feat: sign in with a passkey"
   */
  subject!: string;

  /**
   * Name of the commit's author, as the commit has it; a byte that is no text is told as `\xNN`.
   * @example "Ada Lovelace"
   */
  author!: string;

  /**
   * E-mail address of the commit's author, as the commit has it.
   * @example ada@example.com
   */
  author_email!: string;

  /**
   * When it was committed.
   * @example 2026-01-31T12:00:00.000Z
   */
  committed_at!: Date;

  /**
   * How many commits it has that the default branch has not; null where there is no default branch, while they are being
   * counted (`counting`), and when that took more than a minute.
   * @example 2
   */
  @ApiProperty({ type: 'integer', nullable: true })
  ahead!: number | null;

  /**
   * How many commits the default branch has that it has not; null when `ahead` is.
   * @example 5
   */
  @ApiProperty({ type: 'integer', nullable: true })
  behind!: number | null;

  /** The execution whose branch it is; null for a branch of the repository's own. */
  @ApiProperty({ type: BranchOwnerDto, nullable: true })
  owner!: BranchOwnerDto | null;

  static from({ commit, divergence, owner, ...branch }: BranchView): BranchDto {
    return {
      name: branch.name,
      head_sha: commit.sha,
      is_default: branch.is_default,
      subject: branch.subject,
      author: commit.author_name,
      author_email: commit.author_email,
      committed_at: commit.committed_at,
      ahead: divergence?.ahead ?? null,
      behind: divergence?.behind ?? null,
      owner: owner && { execution_id: owner.execution_id, task_id: owner.task_id, status: owner.status },
    };
  }
}

/** One page of branches. */
export class BranchPage extends PageOf(BranchDto) {
  /**
   * Whether some of `ahead` and `behind` are null because they are being counted: ask again in a moment.
   * @example false
   */
  counting!: boolean;

  static from({ items, next_cursor, counting }: Branches): BranchPage {
    return Object.assign(new BranchPage(), {
      items: items.map((branch) => BranchDto.from(branch)),
      next_cursor,
      counting,
    });
  }
}
