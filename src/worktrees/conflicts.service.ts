import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { ExecutionsService, type ExecutionSight, type ExecutionView } from '../executions/executions.service.js';
import { CommitsService } from '../git/commits.service.js';
import { eachInTurn } from '../git/each-in-turn.js';
import { isOutOfTime, withinGitTime } from '../git/git-time.js';
import { RefNotFound } from '../git/git.errors.js';
import { MergeForecasts, type MergeForecast, type Quarantine } from '../git/merge-forecasts.service.js';
import { MirrorsService } from '../git/mirrors.service.js';
import { SnapshotsService } from '../git/snapshots.service.js';
import { RepositoriesService } from '../repositories/repositories.service.js';

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
    private readonly snapshots: SnapshotsService,
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
    const { sights, objects } = await this.seen(repository_id, page.items);
    const work = (signal: AbortSignal): Promise<ConflictForecast> =>
      this.forecasts.within(directory, objects, async (quarantine) => {
        const base = default_branch && (await this.commit(directory, `refs/heads/${default_branch}`, signal));
        const executions: RunningHead[] = [];
        for (const execution of page.items)
          executions.push(await this.headOf(quarantine, execution, sights.get(execution.id) ?? null, base, signal));
        const all = await this.judge(quarantine, pairsOf(executions), signal);
        const pairs = all.filter(({ verdict, common_count }) => verdict !== 'clean' || common_count > 0);
        const truncated = page.next_cursor !== null;
        return { executions, truncated, pairs, clean_pairs: all.length - pairs.length };
      });
    return withinGitTime(gone, work, this.mirrors.mending(repository_id));
  }

  /** What workers have seen of executions, and where the objects of that are. */
  private async seen(
    repository_id: string,
    executions: readonly ExecutionView[],
  ): Promise<{ sights: Map<string, ExecutionSight>; objects: string[] }> {
    const sights = await this.executions.findSights(executions.map(({ id }) => id));
    const folders = sights.map(({ execution_id }) => this.snapshots.objectsOf(repository_id, execution_id));
    const objects = (await Promise.all(folders)).filter((folder) => folder !== null);
    return { sights: new Map(sights.map((sight) => [sight.execution_id, sight])), objects };
  }

  private async headOf(
    quarantine: Quarantine,
    { id, task_id, branch, commit_sha, pushed_at }: ExecutionView,
    sight: ExecutionSight | null,
    base: string | null,
    signal: AbortSignal,
  ): Promise<RunningHead> {
    const { directory } = quarantine;
    const pushed = commit_sha === null ? null : await this.commit(directory, commit_sha, signal);
    const isNewer = sight !== null && (pushed_at === null || sight.seen_at > pushed_at);
    const taken = isNewer ? await this.commit(directory, sight.commit_sha, signal) : null;
    const seen_sha = taken ?? pushed;
    return {
      ...{ execution_id: id, task_id, branch, commit_sha: pushed, seen_sha },
      ...seenOf(taken, sight, pushed, pushed_at),
      changed: seen_sha === null ? null : await this.forecasts.changed(quarantine, base, seen_sha, signal),
    };
  }

  /** Those with most in common come first, as time may run out. */
  private async judge(quarantine: Quarantine, pairs: ConflictPair[], signal: AbortSignal): Promise<ConflictPair[]> {
    pairs.sort((one, other) => other.common_count - one.common_count);
    await eachInTurn(AT_ONCE, pairs, (pair) => this.judgeOne(quarantine, pair, signal));
    return pairs;
  }

  private async judgeOne(quarantine: Quarantine, pair: ConflictPair, signal: AbortSignal): Promise<void> {
    const [one, other] = pair.executions.map(({ seen_sha }) => seen_sha);
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

/** Where it is known from, and since when. */
function seenOf(
  taken: string | null,
  sight: ExecutionSight | null,
  pushed: string | null,
  pushed_at: Date | null,
): Pick<RunningHead, 'seen_in' | 'seen_at'> {
  if (taken !== null && sight !== null) return { seen_in: 'checkout', seen_at: sight.seen_at };
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
