import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { CommitsService } from '../git/commits.service.js';
import { DiffsService, type Diff } from '../git/diffs.service.js';
import { withinGitTime } from '../git/git-time.js';
import { RefNotFound } from '../git/git.errors.js';
import { MirrorsService, type Patience } from '../git/mirrors.service.js';
import { RepositoriesService } from '../repositories/repositories.service.js';
import { ExecutionCommitGone, NothingPushed } from './execution.errors.js';
import { ExecutionsService, type ExecutionView } from './executions.service.js';
import { SightingsService } from './sightings.service.js';

/** What an execution has changed, and since when. */
export interface ExecutionDiff {
  execution_id: string;
  base_sha: string | null;
  base_from: 'execution' | 'default_branch' | 'nothing';
  head_sha: string;
  /** What is compared: what its worker saw in the checkout, or the commit that was pushed last. */
  seen_in: 'checkout' | 'push';
  /** Null when nobody knows since when. */
  seen_at: Date | null;
  diff: Diff;
}

type Head = Pick<ExecutionDiff, 'head_sha' | 'seen_in' | 'seen_at'>;
type Base = Pick<ExecutionDiff, 'base_sha' | 'base_from'>;

const PATIENCE: Patience = { first_ms: 0, fresh_ms: 2000 };

/** What executions have changed in their repositories. */
@Injectable()
export class ExecutionDiffs {
  constructor(
    private readonly executions: ExecutionsService,
    private readonly repositories: RepositoriesService,
    private readonly mirrors: MirrorsService,
    private readonly commits: CommitsService,
    private readonly diffs: DiffsService,
    private readonly sightings: SightingsService,
  ) {}

  /**
   * What an execution has that its base has not; all of it, or what is at a path. While it runs, that is what its worker saw
   * in the checkout, committed or not, unless something was pushed since. Throws
   * ExecutionNotFound, NothingPushed, ExecutionCommitGone, GitNotHere, MirrorNotReady and GitFailed.
   */
  async find(principal: Principal, id: string, path: string | undefined, gone: AbortSignal): Promise<ExecutionDiff> {
    const execution = await this.executions.find(principal, id);
    const { repository_id, commit_sha, base_sha } = execution;
    const sightings = await this.sightings.find([execution]);
    if (repository_id === null || (commit_sha === null && sightings.size === 0))
      throw new NothingPushed(repository_id !== null);
    const { default_branch } = await this.repositories.get(principal, repository_id);
    const mirror = await this.mirrors.locate(repository_id);
    const compare = async (directory: string, head: Head, signal: AbortSignal): Promise<ExecutionDiff> => {
      const base = await this.base(mirror, directory, [base_sha, default_branch], head.head_sha, signal);
      const diff = await this.diffs.between(directory, base.base_sha, head.head_sha, signal, { path });
      return { execution_id: id, ...head, ...base, diff };
    };
    const asSeen = (signal: AbortSignal): Promise<ExecutionDiff | null> =>
      this.sightings.read({ repository_id, directory: mirror }, sightings, signal, async ({ directory }, seen) => {
        const sight = seen.get(id);
        if (sight === undefined) return null;
        return compare(directory, { head_sha: sight.commit_sha, seen_in: 'checkout', seen_at: sight.seen_at }, signal);
      });
    const work = async (signal: AbortSignal): Promise<ExecutionDiff> => {
      const seen = sightings.size === 0 ? null : await asSeen(signal);
      return seen ?? compare(mirror, await this.pushed(mirror, repository_id, execution, signal), signal);
    };
    return withinGitTime(gone, work, this.mirrors.mending(repository_id));
  }

  private async pushed(
    mirror: string,
    repository_id: string,
    { commit_sha, pushed_at }: ExecutionView,
    signal: AbortSignal,
  ): Promise<Head> {
    if (commit_sha === null) throw new NothingPushed(true);
    // Its worker may have pushed elsewhere, where the mirror has not looked since.
    const head_sha =
      (await this.commit(mirror, commit_sha, signal)) ??
      (await this.commit(await this.mirrors.open(repository_id, PATIENCE), commit_sha, signal));
    if (head_sha === null) throw new ExecutionCommitGone();
    return { head_sha, seen_in: 'push', seen_at: pushed_at };
  }

  /** Where the work began, as far as that is told; what others added to the default branch since then is not of it. */
  private async base(
    mirror: string,
    directory: string,
    [told, branch]: readonly [string | null, string | null],
    head: string,
    signal: AbortSignal,
  ): Promise<Base> {
    const start = told && (await this.commit(directory, told, signal));
    if (start) {
      const shared = await this.commits.mergeBase(directory, start, head, signal);
      return { base_sha: shared ?? start, base_from: 'execution' };
    }
    // What is seen of a checkout borrows the objects of the mirror, not its branches.
    const tip = branch && (await this.commit(mirror, `refs/heads/${branch}`, signal));
    const shared = tip ? await this.commits.mergeBase(directory, tip, head, signal) : null;
    return { base_sha: shared, base_from: shared === null ? 'nothing' : 'default_branch' };
  }

  /** Id of the commit when the mirror has it. */
  private async commit(directory: string, name: string, signal: AbortSignal): Promise<string | null> {
    try {
      return await this.commits.resolve(directory, name, signal);
    } catch (error) {
      if (error instanceof RefNotFound) return null;
      throw error;
    }
  }
}
