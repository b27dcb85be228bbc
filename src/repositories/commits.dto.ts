import { ApiProperty } from '@nestjs/swagger';
import type { CommitStats } from '../git/commit-changes.service.js';
import { DiffDto, presentDiff } from '../git/diff.dto.js';
import { RELATIVE_PATH } from '../git/relative-path.js';
import { Id, Optional, Pattern } from '../http/fields.js';
import { Ref } from './ref.js';
import { PageOf } from '../http/page.js';
import { CommitFilterQuery } from './commit-filter.dto.js';
import type { CommitView, WholeCommit } from './repository-commits.service.js';

/** Which commits of a repository to list. */
export class CommitsQuery extends CommitFilterQuery {
  /**
   * A branch, tag or commit to list the history of, as lists tell its name; a branch before a tag of the same name, and
   * `refs/tags/...` for that: what begins with `refs/` is a full name and nothing else. Default: the default branch, or
   * all branches where there is none.
   * @example main
   */
  @Optional()
  @Ref()
  ref?: string;

  /**
   * The same as `cursor`; only one of them may be given.
   * @example WzE3MDAwMDAwNjAsMTIsIjlmY2ViMDJkMGFlNTk4ZTk1ZGM5NzBiNzQ3NjdmMTkzNzJkNjFhZjgiXQ
   */
  @Optional()
  @Pattern(/^[A-Za-z0-9_-]+$/, 'the next_cursor of an earlier answer', 1024)
  after?: string;
}

/** The address of one commit. */
export class CommitPath {
  /**
   * Id of the repository.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * Id of the commit, or its first digits as long as they are those of no other.
   * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
   */
  @Pattern(/^[0-9a-f]{4,40}$/, 'the id of a commit, 4 to 40 digits of 0-9 and a-f', 40)
  sha!: string;
}

/** Which part of what a commit has changed to read. */
export class CommitQuery {
  /**
   * Only this file, or the files below this directory; to the letter. A file that came from elsewhere is `added` then.
   * @example src/sign-in.ts
   */
  @Optional()
  @Pattern(RELATIVE_PATH, 'a path within the repository, such as src/main.ts', 1000)
  path?: string;
}

/** Whoever wrote or committed something. */
export class CommitPersonDto {
  /**
   * Name, as the commit has it: a byte that is no text is told as `\xNN`, a backslash that would look like that as
   * `\x5c`. Of more than 1,000 characters the first, with an ellipsis.
   * @example "Ada Lovelace"
   */
  name!: string;

  /**
   * E-mail address, told as the name is.
   * @example ada@example.com
   */
  email!: string;
}

/** How much a commit has changed, against its first parent. */
export class CommitStatsDto implements CommitStats {
  /**
   * How many files differ.
   * @example 3
   */
  @ApiProperty({ type: 'integer' })
  files_changed!: number;

  /**
   * Lines added.
   * @example 40
   */
  @ApiProperty({ type: 'integer' })
  additions!: number;

  /**
   * Lines deleted.
   * @example 7
   */
  @ApiProperty({ type: 'integer' })
  deletions!: number;
}

/** A commit. */
export class CommitDto {
  /**
   * Id of the commit.
   * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
   */
  sha!: string;

  /**
   * Ids of the commits it follows, the first one being what it was committed on top of; at most 4,096.
   * @example ["1f4c2a9b7d3e5f60718293a4b5c6d7e8f9012345"]
   */
  parents!: string[];

  /**
   * The first paragraph of the message on one line, at most 1,000 characters. Bytes of a message that are no text are
   * replacement characters (U+FFFD).
   * @example "feat: sign in with a passkey"
   */
  subject!: string;

  /**
   * The message without its first paragraph, at most 4,000 characters. Of one commit alone, up to 64 KiB of the message:
   * of a longer one the first 48 KiB and the last 16 KiB, with a line between them that says how much is missing.
   * @example "Issue: #42"
   */
  body!: string;

  /**
   * Whether parts of its message, or parents, are left out here.
   * @example false
   */
  truncated!: boolean;

  /** Who wrote it. */
  author!: CommitPersonDto;

  /**
   * When it was written.
   * @example 2026-01-31T12:00:00.000Z
   */
  authored_at!: Date;

  /** Who committed it. */
  committer!: CommitPersonDto;

  /**
   * When it was committed; commits are ordered by this instant, newest first, and of the same second a commit comes
   * before its parents. Commits may claim any time: what Git takes for an overflow is 1970, and the last one is that of
   * the year 9999.
   * @example 2026-01-31T12:00:00.000Z
   */
  committed_at!: Date;

  /**
   * `warn` for reverts, hotfixes and breaking changes, else `info`.
   * @example info
   */
  @ApiProperty({ enum: ['info', 'warn'] })
  level!: 'info' | 'warn';

  /**
   * From the trailer `Agent-Type:`, else from the conventional type (`feat` and `fix` are codegen, `refactor` and
   * `chore` refresher), else from words such as "deploy"; null when nothing tells.
   * @example codegen
   */
  agent_type!: string | null;

  /**
   * From the trailer `Issue:`, else the first `#123`, else `issue-123`; null when nothing tells.
   * @example 42
   */
  @ApiProperty({ type: 'integer', nullable: true })
  issue_number!: number | null;

  /** How much it has changed; null in a list when counting it would have held up the page: read the commit itself. */
  @ApiProperty({ type: () => CommitStatsDto, nullable: true })
  stats!: CommitStatsDto | null;

  static from({ commit, subject, body, truncated, facts, stats }: CommitView): CommitDto {
    return {
      sha: commit.sha,
      parents: commit.parents,
      subject,
      body,
      truncated,
      author: { name: commit.author_name, email: commit.author_email },
      authored_at: commit.authored_at,
      committer: { name: commit.committer_name, email: commit.committer_email },
      committed_at: commit.committed_at,
      level: facts.level,
      agent_type: facts.agent_type,
      issue_number: facts.issue_number,
      stats: stats && {
        files_changed: stats.files_changed,
        additions: stats.additions,
        deletions: stats.deletions,
      },
    };
  }
}

/** A commit, and what it has changed. */
export class WholeCommitDto extends CommitDto {
  /** What it has changed against its first parent; of a commit without one, everything is an addition. */
  diff!: DiffDto;

  static override from(whole: WholeCommit): WholeCommitDto {
    const diff = presentDiff(whole.base_sha, whole.commit.sha, whole.diff);
    return { ...CommitDto.from(whole), diff };
  }
}

/** One page of commits. */
export class CommitPage extends PageOf(CommitDto) {}
