import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { withinGitTime } from '../git/git-time.js';
import { GitFailed, GitFailedIn, RefNotFound } from '../git/git.errors.js';
import { MirrorsService } from '../git/mirrors.service.js';
import type { Page } from '../http/page.js';
import { readCommitCursor } from './commit-cursor.js';
import type { CommitFilter } from './commit-filter.js';
import { secondsOf } from './commit-times.js';
import { CommitSearch, type OpenHistory } from './commit-search.service.js';
import { entryOf, type LogEntry } from './log-entry.js';
import { TooManyRepositories } from './repositories.errors.js';
import type { Repository } from './repositories.service.js';
import {
  MOST_REPOSITORIES,
  RepositoryReader,
  type Reading,
  type UnreadRepository,
} from './repository-reader.service.js';

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

/** Log entries, and the repositories that are missing among them. */
export interface Logs extends Page<LogEntry> {
  unread: UnreadRepository[];
}

/** Commits of the organization's repositories as log entries. */
@Injectable()
export class LogsService {
  constructor(
    private readonly reader: RepositoryReader,
    private readonly mirrors: MirrorsService,
    private readonly search: CommitSearch,
  ) {}

  /**
   * Newest first by instant, all branches together; ends its git processes when `gone` is aborted. Of several
   * repositories those that cannot be read are named beside the list. Throws InvalidInput for a broken cursor,
   * RepositoryNotFound, TooManyRepositories, RefNotFound, GitNotHere, and MirrorNotReady and GitFailed for the one that
   * was named.
   */
  async list(principal: Principal, request: LogsRequest, gone: AbortSignal): Promise<Logs> {
    const after = readCommitCursor(request.cursor);
    const { repository_id } = request;
    const work = async (signal: AbortSignal): Promise<Logs> => {
      const reading = await this.reader.choose(principal, repository_id, request.without);
      if (reading === null) throw new TooManyRepositories(MOST_REPOSITORIES);
      const opened = new Map<string, OpenHistory<Repository>>();
      try {
        await this.open(reading, request.ref, { fresh: after === null, signal }, opened);
        if (request.level !== undefined && !COMMIT_LEVELS.includes(request.level))
          return { items: [], next_cursor: null, unread: reading.told };
        const question = { ...request, ...secondsOf(request), after };
        const { found, next_cursor } = await this.reader.together(reading, signal, () => {
          const readable = reading.repositories.filter(({ id }) => !reading.unread.has(id));
          const histories = readable.flatMap(({ id }) => opened.get(id) ?? []);
          return this.search.page(histories, question, signal);
        });
        const items = found.map(({ commit, facts, mirror }) => entryOf(commit, facts, mirror.owner));
        return { items, next_cursor, unread: reading.told };
      } finally {
        await Promise.all([...opened.values()].map(({ file }) => file.close()));
      }
    };
    return withinGitTime(gone, work, repository_id === undefined ? undefined : this.mirrors.mending(repository_id));
  }

  /** Opens those that can be, and have the reference. Throws RefNotFound when none of them has it. */
  private async open(
    reading: Reading,
    ref: string | undefined,
    how: { fresh: boolean; signal: AbortSignal },
    opened: Map<string, OpenHistory<Repository>>,
  ): Promise<void> {
    let lacking = 0;
    await this.reader.each(reading, how, async (owner, directory, signal) => {
      const told = (failure: unknown): unknown =>
        failure instanceof GitFailed ? new GitFailedIn(owner.id, failure) : failure;
      const history = await this.search.open({ owner, directory, told }, ref, signal).catch((error: unknown) => {
        if (!(error instanceof RefNotFound)) throw error;
        lacking += 1;
        return null;
      });
      if (history !== null) opened.set(owner.id, history);
    });
    if (lacking > 0 && lacking === reading.repositories.length) throw new RefNotFound();
  }
}
