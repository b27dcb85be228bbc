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
const WHOLE_ID = /^[0-9a-f]{40}$/;
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
    const work = async (signal: AbortSignal): Promise<Page<CommitView>> => {
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
    };
    return withinGitTime(gone, work, this.mirrors.mending(id));
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
    const work = async (signal: AbortSignal): Promise<WholeCommit> => {
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
    };
    return withinGitTime(gone, work, this.mirrors.mending(id));
  }

  /** It may have been committed a moment ago, where the mirror has not looked since. */
  private async resolve(id: string, directory: string, digits: string, signal: AbortSignal): Promise<string> {
    try {
      return await this.commits.find(directory, digits, signal);
    } catch (error) {
      if (!(error instanceof RefNotFound)) throw error;
      const fresh = await this.mirrors.open(id, PATIENCE);
      return this.commits.find(fresh, digits, signal).catch(async (failure: unknown) => {
        throw (await this.isInHistory(id, fresh, digits, signal)) ? new GitFailed('damaged') : failure;
      });
    }
  }

  /** Whether a commit that git has not ought to be there: to git an object that is lost is one that never was. */
  private async isInHistory(id: string, directory: string, sha: string, signal: AbortSignal): Promise<boolean> {
    const opened = WHOLE_ID.test(sha) ? await this.search.open({ owner: id, directory }, undefined, signal) : null;
    try {
      return (await opened?.file.includes(sha)) ?? false;
    } finally {
      await opened?.file.close();
    }
  }
}

function cursorOf({ cursor, after }: CommitsRequest): string | undefined {
  if (cursor === undefined || after === undefined) return cursor ?? after;
  throw new InvalidInput('A page is asked for with cursor or after, not with both.', [
    { field: 'after', message: 'after must be absent where there is a cursor' },
  ]);
}
