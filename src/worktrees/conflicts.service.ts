import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { ExecutionsService, type ExecutionView } from '../executions/executions.service.js';
import { SightingsService, type ExecutionSight } from '../executions/sightings.service.js';
import { CommitsService } from '../git/commits.service.js';
import { eachInTurn } from '../git/each-in-turn.js';
import { withinGitTime } from '../git/git-time.js';
import { RefNotFound } from '../git/git.errors.js';
import { MergeForecasts, type MergeForecast } from '../git/merge-forecasts.service.js';
import { MirrorsService } from '../git/mirrors.service.js';
import type { ObjectView } from '../git/object-views.service.js';
import { RepositoriesService } from '../repositories/repositories.service.js';
import { isOutOfTime } from '../time-limit.js';

/** With so many executions there are 120 pairs. */
const MOST_EXECUTIONS = 16;
const MOST_NAMED = 20;
const AT_ONCE = 3;

/** What an execution that runs has done, as far as it is known. */
export interface RunningHead {
  execution_id: string;
  task_id: string;
  branch: string;
  /** What it has pushed last; null when nothing was pushed, or when the mirror does not have it. */
  commit_sha: string | null;
  /** The commit that is looked at: what was pushed, or what its worker has seen since. */
  seen_sha: string | null;
  seen_in: 'checkout' | 'push' | null;
  /** Null when nothing is known, or nobody knows since when. */
  seen_at: Date | null;
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
    private readonly sightings: SightingsService,
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
    const sightings = await this.sightings.find(page.items);
    const work = (signal: AbortSignal): Promise<ConflictForecast> =>
      this.sightings.read({ repository_id, directory }, sightings, signal, async (view, seen) => {
        const base = default_branch && (await this.commit(directory, `refs/heads/${default_branch}`, signal));
        const executions: RunningHead[] = [];
        for (const execution of page.items)
          executions.push(await this.headOf(view, execution, seen.get(execution.id) ?? null, base, signal));
        const all = await this.judge(view, pairsOf(executions), signal);
        const pairs = all.filter(({ verdict, common_count }) => verdict !== 'clean' || common_count > 0);
        const truncated = page.next_cursor !== null;
        return { executions, truncated, pairs, clean_pairs: all.length - pairs.length };
      });
    return withinGitTime(gone, work, this.mirrors.mending(repository_id));
  }

  private async headOf(
    view: ObjectView,
    { id, task_id, branch, commit_sha, pushed_at }: ExecutionView,
    sight: ExecutionSight | null,
    base: string | null,
    signal: AbortSignal,
  ): Promise<RunningHead> {
    const pushed = commit_sha === null ? null : await this.commit(view.directory, commit_sha, signal);
    const seen_sha = sight?.commit_sha ?? pushed;
    return {
      ...{ execution_id: id, task_id, branch, commit_sha: pushed, seen_sha },
      ...seenOf(sight, pushed, pushed_at),
      changed: seen_sha === null ? null : await this.forecasts.changed(view, base, seen_sha, signal),
    };
  }

  /** Those with most in common come first, as time may run out. */
  private async judge(view: ObjectView, pairs: ConflictPair[], signal: AbortSignal): Promise<ConflictPair[]> {
    pairs.sort((one, other) => other.common_count - one.common_count);
    await eachInTurn(AT_ONCE, pairs, (pair) => this.judgeOne(view, pair, signal));
    return pairs;
  }

  private async judgeOne(view: ObjectView, pair: ConflictPair, signal: AbortSignal): Promise<void> {
    const [one, other] = pair.executions.map(({ seen_sha }) => seen_sha);
    if (one == null || other == null || (signal.aborted && isOutOfTime(signal))) return;
    try {
      const { verdict, paths } = await this.forecasts.merge(view, one, other, signal);
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

/** Where it is known from, and since when. */
function seenOf(
  sight: ExecutionSight | null,
  pushed: string | null,
  pushed_at: Date | null,
): Pick<RunningHead, 'seen_in' | 'seen_at'> {
  if (sight !== null) return { seen_in: 'checkout', seen_at: sight.seen_at };
  return pushed === null ? { seen_in: null, seen_at: null } : { seen_in: 'push', seen_at: pushed_at };
}

/** Each two of which something is known. */
function pairsOf(executions: readonly RunningHead[]): ConflictPair[] {
  const heads = executions.filter(({ seen_sha }) => seen_sha !== null);
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
