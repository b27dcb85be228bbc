import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { CommitsService } from '../git/commits.service.js';
import { DiffsService, type Diff } from '../git/diffs.service.js';
import { withinGitTime } from '../git/git-time.js';
import { RefNotFound } from '../git/git.errors.js';
import { MirrorsService, type Patience } from '../git/mirrors.service.js';
import { RepositoriesService } from '../repositories/repositories.service.js';
import { ExecutionCommitGone, NothingPushed } from './execution.errors.js';
import { ExecutionsService } from './executions.service.js';

/** What an execution has changed, and since when. */
export interface ExecutionDiff {
  execution_id: string;
  base_sha: string | null;
  base_from: 'execution' | 'default_branch' | 'nothing';
  head_sha: string;
  diff: Diff;
}

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
  ) {}

  /**
   * What the commit of an execution has that its base has not; all of it, or what is at a path. Throws
   * ExecutionNotFound, NothingPushed, ExecutionCommitGone, GitNotHere, MirrorNotReady and GitFailed.
   */
  async find(principal: Principal, id: string, path: string | undefined, gone: AbortSignal): Promise<ExecutionDiff> {
    const { repository_id, commit_sha, base_sha } = await this.executions.find(principal, id);
    if (repository_id === null || commit_sha === null) throw new NothingPushed(repository_id !== null);
    const { default_branch } = await this.repositories.get(principal, repository_id);
    const directory = await this.mirrors.locate(repository_id);
    const work = async (signal: AbortSignal): Promise<ExecutionDiff> => {
      // Its worker may have pushed elsewhere, where the mirror has not looked since.
      const head_sha =
        (await this.commit(directory, commit_sha, signal)) ??
        (await this.commit(await this.mirrors.open(repository_id, PATIENCE), commit_sha, signal));
      if (head_sha === null) throw new ExecutionCommitGone();
      const base = await this.base(directory, [base_sha, default_branch], head_sha, signal);
      const diff = await this.diffs.between(directory, base.base_sha, head_sha, signal, { path });
      return { execution_id: id, head_sha, ...base, diff };
    };
    return withinGitTime(gone, work, this.mirrors.mending(repository_id));
  }

  /** Where the work began, as far as that is told; what others added to the default branch since then is not of it. */
  private async base(
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
    const tip = branch && (await this.commit(directory, `refs/heads/${branch}`, signal));
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
