import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { withinGitTime } from '../git/git-time.js';
import { GitFailed, GitFailedIn, MirrorNotReady, RefNotFound } from '../git/git.errors.js';
import { MirrorsService, type Patience } from '../git/mirrors.service.js';
import type { Page } from '../http/page.js';
import { readCommitCursor } from './commit-cursor.js';
import type { CommitFilter } from './commit-filter.js';
import { secondsOf } from './commit-times.js';
import { CommitSearch, type OpenHistory } from './commit-search.service.js';
import { entryOf, type LogEntry } from './log-entry.js';
import { TooManyRepositories } from './repositories.errors.js';
import { RepositoriesService, type Repository } from './repositories.service.js';

const MAX_REPOSITORIES = 20;
const PATIENCE: Patience = { first_ms: 2000, fresh_ms: 1500 };
const COMMIT_LEVELS: readonly string[] = ['info', 'warn'] satisfies LogEntry['level'][];

export interface LogsRequest extends CommitFilter {
  repository_id?: string;
  /** Repositories to leave out. */
  without?: readonly string[];
  ref?: string;
  path?: string;
  since?: string;
  until?: string;
  limit: number;
  cursor?: string;
}

/** Commits of the organization's repositories as log entries. */
@Injectable()
export class LogsService {
  constructor(
    private readonly repositories: RepositoriesService,
    private readonly mirrors: MirrorsService,
    private readonly search: CommitSearch,
  ) {}

  /**
   * Newest first by instant, all branches together; ends its git processes when `gone` is aborted. Throws
   * InvalidInput for a broken cursor, RepositoryNotFound, TooManyRepositories, RefNotFound, MirrorNotReady, GitFailed.
   */
  async list(principal: Principal, request: LogsRequest, gone: AbortSignal): Promise<Page<LogEntry>> {
    const after = readCommitCursor(request.cursor);
    const repositories = await this.repositoriesOf(principal, request);
    const work = async (signal: AbortSignal): Promise<Page<LogEntry>> => {
      const opened = await this.open(repositories, request.ref, after === null, signal);
      try {
        if (request.level !== undefined && !COMMIT_LEVELS.includes(request.level))
          return { items: [], next_cursor: null };
        const question = { ...request, ...secondsOf(request), after };
        const { found, next_cursor } = await this.search.page(opened, question, signal);
        return { items: found.map(({ commit, facts, mirror }) => entryOf(commit, facts, mirror.owner)), next_cursor };
      } finally {
        await Promise.all(opened.map(({ file }) => file.close()));
      }
    };
    const [only, ...more] = repositories;
    return withinGitTime(gone, work, this.mirrors.mending(more.length === 0 ? only?.id : undefined));
  }

  private async repositoriesOf(
    principal: Principal,
    { repository_id, without = [] }: LogsRequest,
  ): Promise<Repository[]> {
    const most = MAX_REPOSITORIES + without.length;
    const all = await this.repositories.forLogs(principal, repository_id, most + 1);
    const repositories = all.filter(({ id }) => !without.includes(id));
    if (repositories.length > MAX_REPOSITORIES) throw new TooManyRepositories(MAX_REPOSITORIES);
    return repositories;
  }

  /** Opens those that can be; among several, one may not have been fetched yet or may lack the reference. */
  private async open(
    repositories: readonly Repository[],
    ref: string | undefined,
    fresh: boolean,
    signal: AbortSignal,
  ): Promise<OpenHistory<Repository>[]> {
    const results = await Promise.allSettled(
      repositories.map(async (owner) => {
        const told = repositories.length > 1 ? (failure: unknown) => among(failure, owner) : undefined;
        try {
          const directory = fresh ? await this.mirrors.open(owner.id, PATIENCE) : await this.mirrors.locate(owner.id);
          return await this.search.open({ owner, directory, told }, ref, signal);
        } catch (error) {
          throw told === undefined ? error : told(error);
        }
      }),
    );
    const failures = results.flatMap((result, at) => {
      if (result.status === 'fulfilled') return [];
      return [{ reason: result.reason as unknown, repository: repositories[at] }];
    });
    const read = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const opened = read.flatMap((history) => history ?? []);
    // Any other failure is one.
    const grave = failures.find(({ reason, repository }) => !isExpected(reason, repository));
    const failure = grave ?? (read.length === 0 ? failures[0] : undefined);
    if (failure === undefined) return opened;
    await Promise.all(opened.map(({ file }) => file.close()));
    throw failure.reason;
  }
}

/** One of many takes the whole list down, as a list that lacks commits without a word would be worse: so it says how to go on. */
const among = (failure: unknown, { id }: Repository): unknown =>
  failure instanceof GitFailed
    ? new GitFailedIn(id, failure, `To see the others meanwhile, leave it out: without=${id}.`)
    : failure;

const isExpected = (reason: unknown, repository: Repository | undefined): boolean =>
  reason instanceof RefNotFound || reason instanceof MirrorNotReady || repository?.last_synced_at === null;
