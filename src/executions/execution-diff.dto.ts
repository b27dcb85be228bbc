import { ApiProperty } from '@nestjs/swagger';
import { DiffDto, presentDiff } from '../git/diff.dto.js';
import { RELATIVE_PATH } from '../git/relative-path.js';
import { Optional, Pattern } from '../http/fields.js';
import type { ExecutionDiff } from './execution-diffs.service.js';

/** What the diff of an execution starts from. */
export const DIFF_BASES = ['execution', 'default_branch', 'nothing'] as const;

export type DiffBase = (typeof DIFF_BASES)[number];

/** What a diff compares with the base. */
export const SEEN_IN = ['checkout', 'push'] as const;

/** Which part of a diff to read. */
export class ExecutionDiffQuery {
  /**
   * Only this file, or the files below this directory; to the letter. A file that came from elsewhere is `added` then.
   * @example src/sign-in.ts
   */
  @Optional()
  @Pattern(RELATIVE_PATH, 'a path within the repository, such as src/main.ts', 1000)
  path?: string;
}

/** What an execution has changed in its repository. */
export class ExecutionDiffDto extends DiffDto {
  /**
   * The execution.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @ApiProperty({ format: 'uuid' })
  execution_id!: string;

  /**
   * Where `base_sha` comes from: `execution`, the commit that its work started from; `default_branch`, where its history
   * left that of the default branch, as long as the former is not known or gone; `nothing`, when they share no history.
   * @example execution
   */
  @ApiProperty({ enum: DIFF_BASES })
  base_from!: DiffBase;

  /**
   * What is compared: `checkout`, what the worker of a running execution saw last, with what is in no commit yet: `head_sha`
   * then is no commit of the repository; `push`, the commit that was pushed last.
   * @example push
   */
  @ApiProperty({ enum: SEEN_IN })
  seen_in!: ExecutionDiff['seen_in'];

  /**
   * When that was so; null where it was not noted.
   * @example 2026-01-31T12:10:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  seen_at!: Date | null;

  static from({
    execution_id,
    base_from,
    base_sha,
    head_sha,
    seen_in,
    seen_at,
    diff,
  }: ExecutionDiff): ExecutionDiffDto {
    return { execution_id, base_from, seen_in, seen_at, ...presentDiff(base_sha, head_sha, diff) };
  }
}
