import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { factsOf } from '../git/commit-facts.js';
import type { CommitObject } from '../git/commit-object.js';
import { newestFirst, type CommitPosition } from '../git/commit-position.js';
import { instantOf } from '../git/commit-time.js';
import { CommitsService } from '../git/commits.service.js';
import { withinGitTime } from '../git/git-time.js';
import { RangesService, type CommitRange } from '../git/ranges.service.js';
import { readCommitCursor, writeCommitCursor } from '../repositories/commit-cursor.js';
import { RepositoriesService } from '../repositories/repositories.service.js';
import {
  branchesIn,
  DeliveredTasks,
  taskIn,
  type DeliveredTask,
  type TracedCommit,
} from './delivered-tasks.service.js';
import { VersionNotFound } from './deployments.errors.js';
import { DeploymentsStore } from './deployments.store.js';
import { ReleasedTags, type Version } from './released-tags.service.js';

export interface ComparisonInput {
  repository_id: string;
  from: string;
  to: string;
  limit: number;
  cursor?: string;
}

/** A commit that the one version has and the other has not. */
export interface ComparedCommit {
  sha: string;
  message: string;
  author: string;
  committed_at: Date;
  issue_number: number | null;
  task_id: string | null;
}

export interface Comparison {
  repository_id: string;
  from: { version: string; commit_sha: string };
  to: { version: string; commit_sha: string };
  merge_base: string | null;
  ahead_by: number;
  behind_by: number;
  issues: number[];
  tasks: DeliveredTask[];
  complete: boolean;
  items: ComparedCommit[];
  next_cursor: string | null;
}

/** Issues and tasks are looked for in no more commits than this, the newest. */
const MOST_READ = 5000;
const MAX_MESSAGE = 1000;

/** What is told of the whole range, whatever the page. */
interface ToldCommit extends TracedCommit {
  issue_number: number | null;
}

/** What is new between two versions. */
@Injectable()
export class DeploymentComparison {
  /** What was read of a range that is remembered: the next page of it asks for the same. */
  private readonly told = new WeakMap<CommitRange, readonly ToldCommit[]>();

  constructor(
    private readonly repositories: RepositoriesService,
    private readonly tags: ReleasedTags,
    private readonly commits: CommitsService,
    private readonly ranges: RangesService,
    private readonly delivered: DeliveredTasks,
    private readonly store: DeploymentsStore,
  ) {}

  /**
   * Commits of `to` that `from` has not, newest first, and the issues and tasks they tell of. Throws InvalidInput for a
   * broken cursor, RepositoryNotFound, VersionNotFound, VersionWithoutCommit, and what git failed with.
   */
  async compare(principal: Principal, input: ComparisonInput, gone: AbortSignal): Promise<Comparison> {
    const after = readCommitCursor(input.cursor);
    const { id: repository_id } = await this.repositories.get(principal, input.repository_id);
    const mend = this.tags.mending(repository_id);
    const found = await withinGitTime(
      gone,
      async (signal) => {
        // What comes behind a cursor was fetched for the page before.
        const directory = await this.tags.open(repository_id, after === null);
        const place = { directory, repository_id };
        const from = await this.versionOf(place, input.from, { field: 'from', signal });
        const to = await this.versionOf(place, input.to, { field: 'to', signal });
        const range = await this.ranges.between(directory, from.commit_sha, to.commit_sha, signal);
        const merge_base = await this.commits.mergeBase(directory, from.commit_sha, to.commit_sha, signal);
        const newest = range.ahead.slice(0, MOST_READ);
        const told = this.told.get(range) ?? (await this.read(directory, newest, toldCommit, signal));
        this.told.set(range, told);
        const rest = range.ahead.filter((position) => after === null || newestFirst(after, position) < 0);
        const page = await this.read(directory, rest.slice(0, input.limit), comparedCommit, signal);
        return {
          from,
          to,
          range,
          merge_base,
          told,
          page,
          next: rest.length > input.limit ? rest[input.limit - 1] : null,
        };
      },
      mend,
    );
    const { range, told } = found;
    const issues = new Set(told.flatMap(({ issue_number }) => issue_number ?? []));
    const { tasks, complete } = await this.delivered.of(organizationOf(principal), repository_id, told);
    return {
      repository_id,
      from: { version: input.from, commit_sha: found.from.commit_sha },
      to: { version: input.to, commit_sha: found.to.commit_sha },
      merge_base: found.merge_base,
      ahead_by: range.ahead.length,
      behind_by: range.behind,
      issues: [...issues].sort((one, other) => one - other),
      tasks,
      complete: range.ahead.length <= MOST_READ && complete,
      items: found.page,
      next_cursor: found.next ? writeCommitCursor(found.next) : null,
    };
  }

  /** A tag that is gone is what was recorded last under its name: what is deployed does not go with it. */
  private async versionOf(
    { directory, repository_id }: { directory: string; repository_id: string },
    version: string,
    where: { field: string; signal: AbortSignal },
  ): Promise<Version> {
    try {
      return await this.tags.resolve(directory, version, where);
    } catch (error) {
      const recorded = error instanceof VersionNotFound ? await this.store.findCommitOf(repository_id, version) : null;
      if (recorded === null) throw error;
      return this.tags.resolve(directory, recorded, where);
    }
  }

  private async read<T>(
    directory: string,
    positions: readonly CommitPosition[],
    make: (commit: CommitObject) => T,
    signal: AbortSignal,
  ): Promise<T[]> {
    const shas = positions.map(({ sha }) => sha);
    const read: T[] = [];
    // One by one: messages are long, and little of each is told.
    for await (const commit of this.commits.each(directory, shas, signal)) {
      const at = positions[read.length]?.at;
      read.push(make(at === undefined ? commit : { ...commit, committed_at: instantOf(at) }));
    }
    return read;
  }
}

const toldCommit = (commit: CommitObject): ToldCommit => ({
  sha: commit.sha,
  issue_number: factsOf(commit.message).issue_number,
  task_id: taskIn(commit.message),
  merged: branchesIn(commit),
});

function comparedCommit({ sha, message, author_name, committed_at }: CommitObject): ComparedCommit {
  const { subject, issue_number } = factsOf(message);
  return {
    sha,
    message: subject.slice(0, MAX_MESSAGE).replace(/[\ud800-\udbff]$/, ''),
    author: author_name,
    committed_at,
    issue_number,
    task_id: taskIn(message),
  };
}
