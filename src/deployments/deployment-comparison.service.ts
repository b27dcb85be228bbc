import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { factsOf } from '../git/commit-facts.js';
import type { CommitObject } from '../git/commit-object.js';
import { latestFirst, type CommitInstant } from '../git/commit-position.js';
import { instantOf } from '../git/commit-time.js';
import { CommitsService } from '../git/commits.service.js';
import { withinGitTime } from '../git/git-time.js';
import { RangesService, type CommitRange } from '../git/ranges.service.js';
import { brokenCursor, cursorParts, toCursor } from '../http/page.js';
import { isId } from '../ids.js';
import { RepositoriesService } from '../repositories/repositories.service.js';
import { TasksService, type Task } from '../tasks/tasks.service.js';
import { ReleasedTags } from './released-tags.service.js';

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
  tasks: Task[];
  complete: boolean;
  items: ComparedCommit[];
  next_cursor: string | null;
}

/** Issues and tasks are looked for in no more commits than this, the newest. */
const MOST_READ = 5000;
const MOST_TASKS = 1000;
const MAX_MESSAGE = 1000;
const SHA = /^[0-9a-f]{40}$/;
// The trailer with which the runner ends the message of what an agent has made.
const TASK = /^Task:[ \t]*([0-9a-f-]{36})[ \t]*$/gim;

/** What is new between two versions. */
@Injectable()
export class DeploymentComparison {
  /** What was read of a range that is remembered: the next page of it asks for the same. */
  private readonly told = new WeakMap<CommitRange, readonly ComparedCommit[]>();

  constructor(
    private readonly repositories: RepositoriesService,
    private readonly tags: ReleasedTags,
    private readonly commits: CommitsService,
    private readonly ranges: RangesService,
    private readonly tasks: TasksService,
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
        const from = await this.tags.resolve(directory, input.from, { field: 'from', signal });
        const to = await this.tags.resolve(directory, input.to, { field: 'to', signal });
        const range = await this.ranges.between(directory, from.commit_sha, to.commit_sha, signal);
        const merge_base = await this.commits.mergeBase(directory, from.commit_sha, to.commit_sha, signal);
        const told = this.told.get(range) ?? (await this.read(directory, range.ahead.slice(0, MOST_READ), signal));
        this.told.set(range, told);
        const rest = range.ahead.filter((position) => after === null || latestFirst(after, position) < 0);
        const page = await this.read(directory, rest.slice(0, input.limit), signal);
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
    const ids = [...new Set(told.flatMap(({ task_id }) => task_id ?? []))];
    const tasks = await this.ownTasks(principal, repository_id, ids.slice(0, MOST_TASKS));
    return {
      repository_id,
      from: { version: input.from, commit_sha: found.from.commit_sha },
      to: { version: input.to, commit_sha: found.to.commit_sha },
      merge_base: found.merge_base,
      ahead_by: range.ahead.length,
      behind_by: range.behind,
      issues: [...issues].sort((one, other) => one - other),
      tasks,
      complete: range.ahead.length <= MOST_READ && ids.length <= MOST_TASKS,
      items: found.page,
      next_cursor: found.next ? toCursor([String(found.next.at), found.next.sha]) : null,
    };
  }

  private async read(
    directory: string,
    positions: readonly CommitInstant[],
    signal: AbortSignal,
  ): Promise<ComparedCommit[]> {
    const shas = positions.map(({ sha }) => sha);
    const read: ComparedCommit[] = [];
    // One by one: messages are long, and little of each is told.
    for await (const commit of this.commits.each(directory, shas, signal)) {
      const at = positions[read.length]?.at;
      read.push(comparedCommit(at === undefined ? commit : { ...commit, committed_at: instantOf(at) }));
    }
    return read;
  }

  /** Anybody may write any id into a message: only tasks of this repository, which are the caller's, are told of. */
  private async ownTasks(principal: Principal, repositoryId: string, ids: readonly string[]): Promise<Task[]> {
    const organizationId = organizationOf(principal);
    const found = ids.length === 0 ? [] : await this.tasks.findByIds(ids);
    return found.filter((task) => task.organization_id === organizationId && task.repository_id === repositoryId);
  }
}

function comparedCommit({ sha, message, author_name, committed_at }: CommitObject): ComparedCommit {
  const { subject, issue_number } = factsOf(message);
  const task_id = [...message.matchAll(TASK)].at(-1)?.[1]?.toLowerCase() ?? '';
  return {
    sha,
    message: subject.slice(0, MAX_MESSAGE).replace(/[\ud800-\udbff]$/, ''),
    author: author_name,
    committed_at,
    issue_number,
    task_id: isId(task_id) ? task_id : null,
  };
}

function readCommitCursor(cursor: string | undefined): CommitInstant | null {
  if (cursor === undefined) return null;
  const [at, sha, ...more] = cursorParts(cursor);
  if (typeof at === 'string' && /^\d{1,15}$/.test(at) && typeof sha === 'string' && SHA.test(sha) && more.length === 0)
    return { at: Number(at), sha };
  throw brokenCursor();
}
