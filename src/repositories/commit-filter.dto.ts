import { RELATIVE_PATH } from '../git/relative-path.js';
import { Instant, Optional, Pattern, QueryNumber, Text } from '../http/fields.js';
import { PageQuery } from '../http/page.js';

const MAX_ISSUE = 2_147_483_647;

/** What lists of commits are narrowed by. */
export class CommitFilterQuery extends PageQuery {
  /**
   * Only commits of this agent type.
   * @example codegen
   */
  @Optional()
  @Pattern(/^[a-z0-9][a-z0-9-]{0,63}$/, 'an agent type such as codegen', 64)
  agent_type?: string;

  /**
   * Only commits of this issue.
   * @example 42
   */
  @QueryNumber({ min: 1, max: MAX_ISSUE })
  issue_number?: number;

  /**
   * Only commits whose author's name or e-mail address, as they are told, holds this text, without regard to case.
   * @example ada@example.com
   */
  @Optional()
  @Text({ min: 1, max: 200 })
  author?: string;

  /**
   * Only commits whose message, author or id holds this text, without regard to case; of a message over 64 KiB, its first
   * 48 KiB or its last 16 KiB.
   * @example login
   */
  @Optional()
  @Text({ min: 1, max: 200 })
  q?: string;

  /**
   * Only commits that changed this file, or a file below this directory; to the letter, as paths are told. Merges count when their outcome
   * is none of what was merged.
   * @example src/sign-in.ts
   */
  @Optional()
  @Pattern(RELATIVE_PATH, 'a path within the repository, such as src/main.ts', 1000)
  path?: string;

  /**
   * Only commits that were committed at this time or later.
   * @example 2026-01-01T00:00:00Z
   */
  @Optional()
  @Instant()
  since?: string;

  /**
   * Only commits that were committed at this time or earlier.
   * @example 2026-02-01T00:00:00Z
   */
  @Optional()
  @Instant()
  until?: string;
}
