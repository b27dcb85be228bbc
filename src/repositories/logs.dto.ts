import { ApiProperty } from '@nestjs/swagger';
import { Id, OneOf, Optional, QueryIds } from '../http/fields.js';
import { PageOf } from '../http/page.js';
import { CommitFilterQuery } from './commit-filter.dto.js';
import { Ref } from './ref.js';
import type { LogEntry } from './log-entry.js';
import type { Logs } from './logs.service.js';
import { UnreadRepositoryDto } from './unread-repository.dto.js';

/** Which log entries to list. */
export class LogsQuery extends CommitFilterQuery {
  /**
   * The repository whose commits are listed. Default: all of the organization, merged, when there are at most 200.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Optional()
  @Id()
  repository_id?: string;

  /**
   * Repositories to leave out, each by its id, such as one that cannot be read.
   * @example ["019c1234-5678-7abc-8def-0123456789ac"]
   */
  @Optional()
  @QueryIds({ max: 20 })
  without?: string[];

  /**
   * Only entries of this level. Commits are `info`; reverts, hotfixes and breaking changes are `warn`.
   * @example warn
   */
  @Optional()
  @OneOf(['debug', 'info', 'warn', 'error'])
  level?: string;

  /**
   * A branch, tag or commit to list the history of, as lists tell its name; what begins with `refs/` is a full name and
   * nothing else. Default: all branches, those of executions included.
   * @example main
   */
  @Optional()
  @Ref()
  ref?: string;
}

/** What a log entry knows beyond its line. */
export class LogContextDto {
  /**
   * Id of the repository the commit is in.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  repository_id!: string;

  /**
   * Owner and name of the repository where it is on GitHub, else null.
   * @example octocat/hello-world
   */
  full_name!: string | null;

  /**
   * The message without its first paragraph, at most 4,000 characters.
   * @example "Issue: #42"
   */
  body!: string;

  /**
   * Ids of the commits it follows, at most 4,096.
   * @example ["1f4c2a9b7d3e5f60718293a4b5c6d7e8f9012345"]
   */
  parents!: string[];

  /**
   * Whether parts of the message, or parents, are left out here: read the commit itself.
   * @example false
   */
  truncated!: boolean;

  /**
   * E-mail address of the author, as the commit has it; a byte that is no text is told as `\xNN`.
   * @example ada@example.com
   */
  author_email!: string;

  /**
   * When it was written; `timestamp` is when it was committed.
   * @example 2026-01-31T12:00:00.000Z
   */
  authored_at!: Date;
}

/** A commit as a log entry. */
export class LogEntryDto implements LogEntry {
  /**
   * Id of the entry, which is the commit's.
   * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
   */
  id!: string;

  /**
   * When it was committed; entries are ordered by this instant, newest first.
   * @example 2026-01-31T12:00:00.000Z
   */
  timestamp!: Date;

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
   * The first paragraph of the message on one line, at most 1,000 characters.
   * @example "feat: sign in with a passkey"
   */
  message!: string;

  /** What is known beyond the line. */
  context!: LogContextDto;

  /**
   * From the trailer `Issue:`, else the first `#123`, else `issue-123`; null when nothing tells.
   * @example 42
   */
  @ApiProperty({ type: 'integer', nullable: true })
  issue_number!: number | null;

  /**
   * Id of the commit.
   * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
   */
  commit_sha!: string;

  /**
   * Name of the author, as the commit has it: a byte that is no text is told as `\xNN`, a backslash that would look
   * like that as `\x5c`. Of more than 1,000 characters the first, with an ellipsis.
   * @example "Ada Lovelace"
   */
  author!: string;

  static from(entry: LogEntry): LogEntryDto {
    return Object.assign(new LogEntryDto(), {
      id: entry.id,
      timestamp: entry.timestamp,
      level: entry.level,
      agent_type: entry.agent_type,
      message: entry.message,
      context: Object.assign(new LogContextDto(), entry.context),
      issue_number: entry.issue_number,
      commit_sha: entry.commit_sha,
      author: entry.author,
    });
  }
}

/** One page of log entries. */
export class LogEntryPage extends PageOf(LogEntryDto) {
  /** Repositories whose commits are, or may be, missing from the page, and why. */
  @ApiProperty({ type: [UnreadRepositoryDto] })
  unread!: UnreadRepositoryDto[];

  static from({ items, next_cursor, unread }: Logs): LogEntryPage {
    return Object.assign(new LogEntryPage(), {
      items: items.map((entry) => LogEntryDto.from(entry)),
      next_cursor,
      unread: unread.map((one) => UnreadRepositoryDto.from(one)),
    });
  }
}
