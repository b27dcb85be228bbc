import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { ExecutionsService, type ExecutionView } from '../executions/executions.service.js';
import { CommitsService } from '../git/commits.service.js';
import { isOutOfTime, withinGitTime } from '../git/git-time.js';
import { RefNotFound } from '../git/git.errors.js';
import { MergeForecasts, type MergeForecast, type Quarantine } from '../git/merge-forecasts.service.js';
import { MirrorsService } from '../git/mirrors.service.js';
import { RepositoriesService } from '../repositories/repositories.service.js';

/** With so many executions there are 120 pairs. */
const MOST_EXECUTIONS = 16;
const MOST_NAMED = 20;
const AT_ONCE = 3;

/** What an execution that runs has pushed last. */
export interface RunningHead {
  execution_id: string;
  task_id: string;
  branch: string;
  /** Null when nothing was pushed, or when the mirror does not have it. */
  commit_sha: string | null;
  /** Null when that is not known. */
  changed: ReadonlySet<string> | null;
}

/** What becomes of two executions when both are merged. */
export interface ConflictPair {
  executions: [RunningHead, RunningHead];
  /** `unknown`: there was no time to find out. */
  verdict: MergeForecast['verdict'] | 'unknown';
  conflicts: string[];
  conflict_count: number;
  common: string[];
  common_count: number;
}

export interface ConflictForecast {
  executions: RunningHead[];
  /** Whether more executions run than were looked at. */
  truncated: boolean;
  /** Those that have anything to do with each other. */
  pairs: ConflictPair[];
  clean_pairs: number;
}

/** Foretells which running executions of a repository will conflict. */
@Injectable()
export class Conflicts {
  constructor(
    private readonly repositories: RepositoriesService,
    private readonly executions: ExecutionsService,
    private readonly mirrors: MirrorsService,
    private readonly commits: CommitsService,
    private readonly forecasts: MergeForecasts,
  ) {}

  /** Throws RepositoryNotFound, GitNotHere, MirrorNotReady and GitFailed. */
  async foretell(principal: Principal, repository_id: string, gone: AbortSignal): Promise<ConflictForecast> {
    const { default_branch } = await this.repositories.get(principal, repository_id);
    const directory = await this.mirrors.locate(repository_id);
    const page = await this.executions.list(
      principal,
      { status: ['running'], repository_id, limit: MOST_EXECUTIONS },
      (execution) => execution,
    );
    const work = (signal: AbortSignal): Promise<ConflictForecast> =>
      this.forecasts.within(directory, async (quarantine) => {
        const base = default_branch && (await this.commit(directory, `refs/heads/${default_branch}`, signal));
        const executions: RunningHead[] = [];
        for (const execution of page.items)
          executions.push(await this.headOf(directory, quarantine, execution, base, signal));
        const all = await this.judge(quarantine, pairsOf(executions), signal);
        const pairs = all.filter(({ verdict, common_count }) => verdict !== 'clean' || common_count > 0);
        const truncated = page.next_cursor !== null;
        return { executions, truncated, pairs, clean_pairs: all.length - pairs.length };
      });
    return withinGitTime(gone, work, this.mirrors.mending(repository_id));
  }

  private async headOf(
    directory: string,
    quarantine: Quarantine,
    { id, task_id, branch, commit_sha }: ExecutionView,
    base: string | null,
    signal: AbortSignal,
  ): Promise<RunningHead> {
    const head = commit_sha && (await this.commit(directory, commit_sha, signal));
    const changed = head ? await this.forecasts.changed(quarantine, base, head, signal) : null;
    return { execution_id: id, task_id, branch, commit_sha: head, changed };
  }

  /** Those with most in common come first, as time may run out. */
  private async judge(quarantine: Quarantine, pairs: ConflictPair[], signal: AbortSignal): Promise<ConflictPair[]> {
    pairs.sort((one, other) => other.common_count - one.common_count);
    const waiting = [...pairs];
    const work = async (): Promise<void> => {
      for (let pair = waiting.shift(); pair !== undefined; pair = waiting.shift())
        await this.judgeOne(quarantine, pair, signal);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return pairs;
  }

  private async judgeOne(quarantine: Quarantine, pair: ConflictPair, signal: AbortSignal): Promise<void> {
    const [one, other] = pair.executions.map(({ commit_sha }) => commit_sha);
    if (one == null || other == null || (signal.aborted && isOutOfTime(signal))) return;
    try {
      const { verdict, paths } = await this.forecasts.merge(quarantine, one, other, signal);
      Object.assign(pair, { verdict, conflicts: paths.slice(0, MOST_NAMED), conflict_count: paths.length });
    } catch (error) {
      if (!signal.aborted || !isOutOfTime(signal)) throw error;
    }
  }

  private async commit(directory: string, name: string, signal: AbortSignal): Promise<string | null> {
    try {
      return await this.commits.resolve(directory, name, signal);
    } catch (error) {
      if (error instanceof RefNotFound) return null;
      throw error;
    }
  }
}

/** Each two that have pushed something. */
function pairsOf(executions: readonly RunningHead[]): ConflictPair[] {
  const heads = executions.filter(({ commit_sha }) => commit_sha !== null);
  return heads.flatMap((one, at) =>
    heads.slice(at + 1).map((other): ConflictPair => {
      const common = [...(one.changed ?? [])].filter((path) => other.changed?.has(path) === true);
      return {
        executions: [one, other],
        verdict: 'unknown',
        conflicts: [],
        conflict_count: 0,
        common: common.slice(0, MOST_NAMED),
        common_count: common.length,
      };
    }),
  );
}
