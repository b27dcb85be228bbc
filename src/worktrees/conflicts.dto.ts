import { ApiProperty } from '@nestjs/swagger';
import { SEEN_IN } from '../executions/execution-diff.dto.js';
import type { ConflictForecast, ConflictPair, RunningHead } from './conflicts.service.js';

export const CONFLICT_VERDICTS = ['clean', 'conflict', 'unrelated', 'unknown'] as const;

/** What is known of a running execution. */
export class RunningHeadDto {
  /**
   * The execution.
   * @example 0192f0c1-2345-7abc-8def-0123456789ad
   */
  @ApiProperty({ format: 'uuid' })
  execution_id!: string;

  /**
   * Its task.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  @ApiProperty({ format: 'uuid' })
  task_id!: string;

  /**
   * Its branch.
   * @example task/add-a-dark-mode-456789ab-a1
   */
  branch!: string;

  /**
   * The commit pushed last; null when nothing was pushed yet.
   * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
   */
  commit_sha!: string | null;

  /**
   * What is looked at: `checkout`, what its worker saw in the checkout, with what is in no commit yet; or `push`, the commit
   * pushed last. Null when nothing is known yet, so that nothing can be foretold.
   * @example checkout
   */
  @ApiProperty({ enum: SEEN_IN, nullable: true })
  seen_in!: RunningHead['seen_in'];

  /**
   * When that was so: the worker of this project looks every 15 s while an agent works. Null when nothing is known.
   * @example 2026-01-31T12:10:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  seen_at!: Date | null;

  /**
   * How many files differ from where it left the default branch; null when that is not known.
   * @example 3
   */
  @ApiProperty({ type: 'integer', nullable: true })
  files_changed!: number | null;

  static from({ changed, ...head }: RunningHead): RunningHeadDto {
    const { execution_id, task_id, branch, commit_sha, seen_in, seen_at } = head;
    return { execution_id, task_id, branch, commit_sha, seen_in, seen_at, files_changed: changed?.size ?? null };
  }
}

/** What becomes of two running executions when both are merged. */
export class ConflictPairDto {
  /**
   * The two executions.
   * @example ["0192f0c1-2345-7abc-8def-0123456789ad", "0192f0c1-2345-7abc-8def-0123456789ae"]
   */
  @ApiProperty({ type: [String], minItems: 2, maxItems: 2 })
  execution_ids!: string[];

  /**
   * What git would say to a merge of both. `unrelated`: they share no history. `unknown`: there was no time to find out.
   * @example conflict
   */
  @ApiProperty({ enum: CONFLICT_VERDICTS })
  verdict!: ConflictPair['verdict'];

  /**
   * Files that would conflict, the first 20.
   * @example ["src/sign-in.ts"]
   */
  conflicts!: string[];

  /**
   * How many files would conflict.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  conflict_count!: number;

  /**
   * Files that both have changed, the first 20; also where git could merge them, people should look.
   * @example ["src/sign-in.ts"]
   */
  paths_in_common!: string[];

  /**
   * How many files both have changed.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  common_count!: number;

  static from(pair: ConflictPair): ConflictPairDto {
    return {
      execution_ids: pair.executions.map(({ execution_id }) => execution_id),
      verdict: pair.verdict,
      conflicts: pair.conflicts,
      conflict_count: pair.conflict_count,
      paths_in_common: pair.common,
      common_count: pair.common_count,
    };
  }
}

/** What becomes of the running executions of a repository when all are merged. */
export class ConflictForecastDto {
  /** The executions that run, the newest 16. */
  @ApiProperty({ type: [RunningHeadDto] })
  executions!: RunningHeadDto[];

  /**
   * Whether more of them run than were looked at.
   * @example false
   */
  truncated!: boolean;

  /** Pairs that would conflict, that have files in common, or that nothing could be found out about. */
  @ApiProperty({ type: [ConflictPairDto] })
  pairs!: ConflictPairDto[];

  /**
   * How many other pairs there are, which have nothing to do with each other.
   * @example 2
   */
  @ApiProperty({ type: 'integer' })
  clean_pairs!: number;

  static from({ executions, truncated, pairs, clean_pairs }: ConflictForecast): ConflictForecastDto {
    return {
      executions: executions.map((head) => RunningHeadDto.from(head)),
      truncated,
      pairs: pairs.map((pair) => ConflictPairDto.from(pair)),
      clean_pairs,
    };
  }
}
