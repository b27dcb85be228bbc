import { Injectable } from '@nestjs/common';
import { BranchesService } from '../git/branches.service.js';
import { CommitChangesService } from '../git/commit-changes.service.js';
import type { CommitFacts } from '../git/commit-facts.js';
import type { CommitObject } from '../git/commit-object.js';
import { instantOf } from '../git/commit-time.js';
import { newestFirst, type CommitPosition } from '../git/commit-position.js';
import { CommitsService } from '../git/commits.service.js';
import { eachInTurn } from '../git/each-in-turn.js';
import { HistoriesService } from '../git/histories.service.js';
import type { HistoryFile } from '../git/history-file.js';
import { RefNotFound } from '../git/git.errors.js';
import { writeCommitCursor } from './commit-cursor.js';
import { isNarrow, wantedFacts, type CommitFilter } from './commit-filter.js';
import { MergedHistory, type Candidate } from './merged-history.js';

/** A filter that matches little looks at no more commits than this, and for no longer, before it gives a cursor. */
const MAX_SCANNED = 20_000;
const SCAN_MS = 2000;
const SCAN_BATCH = 500;
/** Of many mirrors each takes a git of its own, so that less is looked at first. */
const MANY_MIRRORS = 8;
const SCAN_BATCH_OF_MANY = 100;
const MOST_BATCH = 2000;
const AT_ONCE = 4;
const MOST_DEPTH = 2 ** 32 - 1;

/** A mirror to search, and on whose behalf. */
export interface SearchedMirror<Owner> {
  owner: Owner;
  directory: string;
  /** Among several: how a failure in this one is told. */
  told?: (failure: unknown) => unknown;
}

export interface CommitQuestion extends CommitFilter {
  /** Only commits that changed this file, or one below this directory. */
  path?: string;
  /** Only commits of this second or later, and of this one or earlier. */
  since?: number;
  until?: number;
  after: CommitPosition | null;
  limit: number;
}

export interface FoundCommit<Owner> {
  commit: CommitObject;
  facts: CommitFacts;
  mirror: SearchedMirror<Owner>;
}

export interface FoundCommits<Owner> {
  found: FoundCommit<Owner>[];
  next_cursor: string | null;
}

/** Where the history of a mirror begins: at a reference, or at all branches. */
export interface OpenHistory<Owner> {
  mirror: SearchedMirror<Owner>;
  file: HistoryFile;
}

/** Commits of one or several mirrors, newest first, page by page. */
@Injectable()
export class CommitSearch {
  constructor(
    private readonly branches: BranchesService,
    private readonly commits: CommitsService,
    private readonly changes: CommitChangesService,
    private readonly histories: HistoriesService,
  ) {}

  /**
   * The history of a mirror from a reference on, or of all its branches; null when it is empty. Who has it closes its
   * file. Throws RefNotFound, GitFailed.
   */
  async open<Owner>(
    mirror: SearchedMirror<Owner>,
    ref: string | undefined,
    signal: AbortSignal,
  ): Promise<OpenHistory<Owner> | null> {
    const { directory } = mirror;
    const tips =
      ref === undefined
        ? await this.branches.tips(directory, signal)
        : [await this.commits.resolve(directory, ref, signal)];
    const file = await this.histories.open(directory, tips, signal);
    return file && { mirror, file };
  }

  /** The default branch where there is one, else all branches. Throws as `open`. */
  async openDefault<Owner>(
    mirror: SearchedMirror<Owner>,
    default_branch: string | null,
    signal: AbortSignal,
  ): Promise<OpenHistory<Owner> | null> {
    try {
      return await this.open(mirror, `refs/heads/${default_branch ?? 'main'}`, signal);
    } catch (error) {
      if (error instanceof RefNotFound) return this.open(mirror, undefined, signal);
      throw error;
    }
  }

  /**
   * One page of those that are asked for. The work is bounded, so that a filter that matches little may give a short
   * page with a cursor. Throws GitFailed.
   */
  async page<Owner>(
    opened: readonly OpenHistory<Owner>[],
    question: CommitQuestion,
    signal: AbortSignal,
  ): Promise<FoundCommits<Owner>> {
    const { limit, since, path } = question;
    const history = new MergedHistory(
      opened.map(({ mirror, file }) => ({ source: mirror, positions: file })),
      beginOf(question),
    );
    const narrow = isNarrow(question) || path !== undefined;
    const found: (FoundCommit<Owner> & { position: CommitPosition })[] = [];
    const began = performance.now();
    const first = opened.length > MANY_MIRRORS ? SCAN_BATCH_OF_MANY : SCAN_BATCH;
    let batch = narrow ? first : limit + 1;
    for (let scanned = 0; ;) {
      const batch_began = performance.now();
      const taken = await history.take(batch);
      const candidates = since === undefined ? taken : taken.filter(({ at }) => at >= since);
      found.push(...(await this.wanted(candidates, question, signal)));
      if (found.length > limit) return pageOf(found.slice(0, limit), found[limit - 1]?.position);
      scanned += taken.length;
      const last = taken.at(-1);
      const isOver = taken.length < batch || candidates.length < taken.length;
      if (last === undefined || isOver) return pageOf(found, undefined);
      const now = performance.now();
      // The next one is of up to twice as many.
      const isLate = now - began + 2 * (now - batch_began) > SCAN_MS;
      if (scanned >= MAX_SCANNED || isLate) return pageOf(found, last);
      batch = Math.min(2 * batch, MOST_BATCH, MAX_SCANNED - scanned);
    }
  }

  /** Those of the candidates that are asked for, in their order. */
  private async wanted<Owner>(
    candidates: readonly Candidate<SearchedMirror<Owner>>[],
    question: CommitQuestion,
    signal: AbortSignal,
  ): Promise<(FoundCommit<Owner> & { position: CommitPosition })[]> {
    const found = new Map<Candidate<unknown>, FoundCommit<Owner> & { position: CommitPosition }>();
    const mirrors = [...new Set(candidates.map(({ source }) => source))];
    await eachInTurn(AT_ONCE, mirrors, async (mirror) => {
      const own = candidates.filter(({ source }) => source === mirror);
      try {
        for await (const one of this.wantedOf(mirror, own, question, signal)) found.set(one.position, one);
      } catch (error) {
        throw mirror.told === undefined ? error : mirror.told(error);
      }
    });
    return candidates.flatMap((candidate) => found.get(candidate) ?? []);
  }

  /** Those of one mirror; no more than a page has room for. */
  private async *wantedOf<Owner>(
    mirror: SearchedMirror<Owner>,
    candidates: readonly Candidate<SearchedMirror<Owner>>[],
    question: CommitQuestion,
    signal: AbortSignal,
  ): AsyncGenerator<FoundCommit<Owner> & { position: Candidate<SearchedMirror<Owner>> }> {
    const left = await this.touching(mirror.directory, candidates, question.path, signal);
    let [at, enough] = [0, question.limit + 1];
    const ids = left.map(({ sha }) => sha);
    for await (const commit of this.commits.each(mirror.directory, ids, signal)) {
      const position = left[at++];
      const facts = wantedFacts(commit, question);
      if (position === undefined || facts === null) continue;
      // The instant that it is ordered by is the one that is told, whatever else its lines may be read as.
      yield { commit: { ...commit, committed_at: instantOf(position.at) }, facts, mirror, position };
      enough -= 1;
      if (enough === 0) break;
    }
  }

  private async touching<Source>(
    directory: string,
    candidates: readonly Candidate<Source>[],
    path: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly Candidate<Source>[]> {
    if (path === undefined) return candidates;
    const ids = candidates.map(({ sha }) => sha);
    const touching = await this.changes.touching(directory, ids, path, signal);
    return candidates.filter(({ sha }) => touching.has(sha));
  }
}

/** The later of the places that the caller has come to and that the time asked for begins at. */
function beginOf({ after, until }: CommitQuestion): CommitPosition | null {
  if (until === undefined) return after;
  // Nothing is at this place, and all of the second is behind it.
  const bound: CommitPosition = { at: until, depth: MOST_DEPTH, sha: 'g' };
  return after === null || newestFirst(after, bound) < 0 ? bound : after;
}

const pageOf = <Owner>(
  found: readonly FoundCommit<Owner>[],
  next: CommitPosition | undefined,
): FoundCommits<Owner> => ({
  found: found.map(({ commit, facts, mirror }) => ({ commit, facts, mirror })),
  next_cursor: next === undefined ? null : writeCommitCursor(next),
});
