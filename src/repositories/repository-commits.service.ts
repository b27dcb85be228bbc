import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { CommitChangesService, type CommitStats } from '../git/commit-changes.service.js';
import { factsOf, type CommitFacts } from '../git/commit-facts.js';
import type { CommitObject } from '../git/commit-object.js';
import { CommitsService } from '../git/commits.service.js';
import { DiffsService, type Diff } from '../git/diffs.service.js';
import { withinGitTime } from '../git/git-time.js';
import { GitFailed, RefNotFound } from '../git/git.errors.js';
import { MirrorsService, type Patience } from '../git/mirrors.service.js';
import type { Page } from '../http/page.js';
import { InvalidInput } from '../domain-error.js';
import { readCommitCursor } from './commit-cursor.js';
import type { CommitFilter } from './commit-filter.js';
import { CommitSearch } from './commit-search.service.js';
import { secondsOf } from './commit-times.js';
import { cut } from './cut-text.js';
import { RepositoriesService } from './repositories.service.js';

const PATIENCE: Patience = { first_ms: 2000, fresh_ms: 1500 };
/** What a page waits for its figures. */
const STATS_MS = 1000;
const MAX_SUBJECT = 1000;
const MAX_BODY = 4000;

export interface CommitsRequest extends CommitFilter {
  ref?: string;
  path?: string;
  since?: string;
  until?: string;
  limit: number;
  cursor?: string;
  after?: string;
}

/** A commit as it is shown. */
export interface CommitView {
  commit: CommitObject;
  facts: CommitFacts;
  subject: string;
  body: string;
  truncated: boolean;
  stats: CommitStats | null;
}

/** A commit with what it has changed since the commit it follows. */
export interface WholeCommit extends CommitView {
  base_sha: string | null;
  diff: Diff;
}

/** The commits of a repository. */
@Injectable()
export class RepositoryCommits {
  constructor(
    private readonly repositories: RepositoriesService,
    private readonly mirrors: MirrorsService,
    private readonly commits: CommitsService,
    private readonly changes: CommitChangesService,
    private readonly diffs: DiffsService,
    private readonly search: CommitSearch,
  ) {}

  /**
   * Newest first by instant; ends its git processes when `gone` is aborted. Throws InvalidInput for a broken cursor,
   * RepositoryNotFound, RefNotFound, GitNotHere, MirrorNotReady and GitFailed.
   */
  async list(principal: Principal, id: string, request: CommitsRequest, gone: AbortSignal): Promise<Page<CommitView>> {
    const after = readCommitCursor(cursorOf(request));
    const { default_branch } = await this.repositories.get(principal, id);
    return withinGitTime(gone, async (signal) => {
      // What comes behind a cursor was fetched for the page before.
      const directory = after === null ? await this.mirrors.open(id, PATIENCE) : await this.mirrors.locate(id);
      const mirror = { owner: id, directory };
      const opened =
        request.ref === undefined
          ? await this.search.openDefault(mirror, default_branch, signal)
          : await this.search.open(mirror, request.ref, signal);
      if (opened === null) return { items: [], next_cursor: null };
      try {
        const question = { ...request, ...secondsOf(request), after };
        const { found, next_cursor } = await this.search.page([opened], question, signal);
        const shas = found.map(({ commit }) => commit.sha);
        const stats = await this.changes.stats(directory, shas, STATS_MS, signal);
        const items = found.map(({ commit, facts }) => ({
          commit,
          facts,
          subject: cut(facts.subject, MAX_SUBJECT),
          body: cut(facts.body, MAX_BODY),
          truncated: commit.truncated || facts.subject.length > MAX_SUBJECT || facts.body.length > MAX_BODY,
          stats: stats.get(commit.sha) ?? null,
        }));
        return { items, next_cursor };
      } finally {
        await opened.file.close();
      }
    });
  }

  /**
   * One commit, with all of its diff or what is at a path. Throws RepositoryNotFound, RefNotFound, GitNotHere,
   * MirrorNotReady and GitFailed.
   */
  async find(
    principal: Principal,
    id: string,
    digits: string,
    path: string | undefined,
    gone: AbortSignal,
  ): Promise<WholeCommit> {
    await this.repositories.get(principal, id);
    const directory = await this.mirrors.locate(id);
    return withinGitTime(gone, async (signal) => {
      const sha = await this.resolve(id, directory, digits, signal);
      const [commit] = await this.commits.read(directory, [sha], signal);
      if (commit === undefined) throw new GitFailed('damaged');
      const facts = factsOf(commit.message);
      const { parents, at } = await this.commits.place(directory, sha, signal);
      const [base_sha = null] = parents;
      // At once: a diff that takes all of the time is an answer as far as it was read, which figures must not hold up.
      const [diff, figures] = await Promise.all([
        this.diffs.between(directory, base_sha, sha, signal, { path }),
        path === undefined ? null : this.changes.stats(directory, [sha], STATS_MS, signal),
      ]);
      const stats = figures === null ? diff : (figures.get(sha) ?? null);
      return {
        commit: { ...commit, committed_at: at },
        facts,
        subject: cut(facts.subject, MAX_SUBJECT),
        body: facts.body,
        truncated: commit.truncated || facts.subject.length > MAX_SUBJECT,
        stats,
        base_sha,
        diff,
      };
    });
  }

  /** It may have been committed a moment ago, where the mirror has not looked since. */
  private async resolve(id: string, directory: string, digits: string, signal: AbortSignal): Promise<string> {
    try {
      return await this.commits.find(directory, digits, signal);
    } catch (error) {
      if (!(error instanceof RefNotFound)) throw error;
      return this.commits.find(await this.mirrors.open(id, PATIENCE), digits, signal);
    }
  }
}

function cursorOf({ cursor, after }: CommitsRequest): string | undefined {
  if (cursor === undefined || after === undefined) return cursor ?? after;
  throw new InvalidInput('A page is asked for with cursor or after, not with both.', [
    { field: 'after', message: 'after must be absent where there is a cursor' },
  ]);
}
