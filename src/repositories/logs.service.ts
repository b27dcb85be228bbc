import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { CommitsService, type CommitPosition } from '../git/commits.service.js';
import { withinGitTime } from '../git/git-time.js';
import { MirrorNotReady, RefNotFound } from '../git/git.errors.js';
import { MirrorsService, type Patience } from '../git/mirrors.service.js';
import type { Page } from '../http/page.js';
import { readLogCursor, writeLogCursor } from './log-cursor.js';
import { entryOf, type LogEntry, type LogFilter } from './log-entry.js';
import { MergedHistory, type Candidate, type History } from './merged-history.js';
import type { Repository } from './repository.entity.js';
import { TooManyRepositories } from './repositories.errors.js';
import { RepositoriesService } from './repositories.service.js';

const MAX_REPOSITORIES = 20;
const PATIENCE: Patience = { first_ms: 2000, fresh_ms: 1500 };
/** A filter that matches little looks at no more commits than this, and for no longer, before it gives a cursor. */
const MAX_SCANNED = 20_000;
const SCAN_MS = 2000;
const SCAN_BATCH = 500;
const COMMIT_LEVELS: readonly string[] = ['info', 'warn'] satisfies LogEntry['level'][];

export interface LogsRequest extends LogFilter {
  repository_id?: string;
  ref?: string;
  limit: number;
  cursor?: string;
}

interface OpenRepository {
  repository: Repository;
  directory: string;
}

/** Commits of the organization's repositories as log entries. */
@Injectable()
export class LogsService {
  constructor(
    private readonly repositories: RepositoriesService,
    private readonly mirrors: MirrorsService,
    private readonly commits: CommitsService,
  ) {}

  /**
   * Newest first by instant, all branches together; ends its git processes when `gone` is aborted. Throws
   * InvalidInput for a broken cursor, RepositoryNotFound, TooManyRepositories, RefNotFound, MirrorNotReady, GitFailed.
   */
  async list(principal: Principal, request: LogsRequest, gone: AbortSignal): Promise<Page<LogEntry>> {
    const after = readLogCursor(request.cursor);
    const repositories = await this.repositories.forLogs(principal, request.repository_id, MAX_REPOSITORIES + 1);
    if (repositories.length > MAX_REPOSITORIES) throw new TooManyRepositories(MAX_REPOSITORIES);
    return withinGitTime(gone, async (signal) => {
      const histories = await this.histories(repositories, request, after === null, signal);
      return this.page(new MergedHistory(histories, after), request, signal);
    });
  }

  private async histories(
    repositories: readonly Repository[],
    request: LogsRequest,
    fresh: boolean,
    signal: AbortSignal,
  ): Promise<History<OpenRepository>[]> {
    const results = await Promise.allSettled(
      repositories.map((repository) => this.history(repository, request.ref, fresh, signal)),
    );
    const failures = results.flatMap((result, at) => {
      if (result.status === 'fulfilled') return [];
      return [{ reason: result.reason as unknown, repository: repositories[at] }];
    });
    const read = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    // Among several, one may not have been fetched yet or may lack the reference; any other failure is one.
    const grave = failures.find(({ reason, repository }) => !isExpected(reason, repository));
    const failure = grave ?? (read.length === 0 ? failures[0] : undefined);
    if (failure !== undefined) throw failure.reason;
    return read;
  }

  private async history(
    repository: Repository,
    ref: string | undefined,
    fresh: boolean,
    signal: AbortSignal,
  ): Promise<History<OpenRepository>> {
    const directory = fresh
      ? await this.mirrors.open(repository.id, PATIENCE)
      : await this.mirrors.locate(repository.id);
    const tip = ref === undefined ? null : await this.commits.resolve(directory, ref, signal);
    return { source: { repository, directory }, positions: await this.commits.order(directory, tip, signal) };
  }

  private async page(
    history: MergedHistory<OpenRepository>,
    request: LogsRequest,
    signal: AbortSignal,
  ): Promise<Page<LogEntry>> {
    const { limit, level } = request;
    if (level !== undefined && !COMMIT_LEVELS.includes(level)) return { items: [], next_cursor: null };
    const found: { entry: LogEntry; position: CommitPosition }[] = [];
    const began = performance.now();
    const filtered = [level, request.agent_type, request.issue_number, request.q].some((part) => part !== undefined);
    for (let scanned = 0; ;) {
      const candidates = history.take(filtered ? SCAN_BATCH : limit + 1);
      const entries = await this.entries(candidates, request, signal);
      candidates.forEach((position, at) => {
        const entry = entries[at];
        if (entry) found.push({ entry, position });
      });
      if (found.length > limit) return pageOf(found.slice(0, limit), found[limit - 1]?.position);
      scanned += candidates.length;
      const last = candidates.at(-1);
      if (last === undefined || (!filtered && candidates.length <= limit)) return pageOf(found, undefined);
      if (scanned >= MAX_SCANNED || performance.now() - began > SCAN_MS) return pageOf(found, last);
    }
  }

  /** The entry of each candidate in turn, null for those the filter leaves out. */
  private async entries(
    candidates: readonly Candidate<OpenRepository>[],
    filter: LogFilter,
    signal: AbortSignal,
  ): Promise<(LogEntry | null)[]> {
    const entries = new Map<string, LogEntry | null>();
    for (const source of new Set(candidates.map((candidate) => candidate.source))) {
      const shas = candidates.filter((candidate) => candidate.source === source).map(({ sha }) => sha);
      for (const commit of await this.commits.read(source.directory, shas, signal)) {
        entries.set(commit.sha, entryOf(commit, source.repository, filter));
      }
    }
    return candidates.map(({ sha }) => entries.get(sha) ?? null);
  }
}

const isExpected = (reason: unknown, repository: Repository | undefined): boolean =>
  reason instanceof RefNotFound || reason instanceof MirrorNotReady || repository?.last_synced_at === null;

const pageOf = (found: readonly { entry: LogEntry }[], next: CommitPosition | undefined): Page<LogEntry> => ({
  items: found.map(({ entry }) => entry),
  next_cursor: next === undefined ? null : writeLogCursor(next),
});
