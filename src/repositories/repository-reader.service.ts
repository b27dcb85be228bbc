import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import { DomainError } from '../domain-error.js';
import { eachInTurn } from '../git/each-in-turn.js';
import { withinTime } from '../git/git-time.js';
import { GitFailed, GitFailedIn, GitNotHere } from '../git/git.errors.js';
import { MirrorsService, type Patience } from '../git/mirrors.service.js';
import { RepositoriesService, type Repository } from './repositories.service.js';
import { localPathOf } from './repository-source.js';

/** How many repositories one list tells of. */
export const MOST_REPOSITORIES = 200;
const AT_ONCE = 4;
/** How long many are looked at before what is not read by then is named; and a few, or one that is mended. */
const LOOK_MS = 2500;
const LONG_LOOK_MS = 4000;
/** What the one that is named waits for a fetch, and what several do in all. */
const PATIENCE: Patience = { first_ms: 2000, fresh_ms: 1500 };
const FRESH_MS = 1500;

/** A repository that is missing from a list, in whole or in part, and why. */
export interface UnreadRepository {
  repository_id: string;
  code: string;
  detail: string;
}

/** How repositories are to be read. */
export interface ReadingOptions {
  /** Whether to look for what is new: what comes behind a cursor was fetched for the page before. */
  fresh: boolean;
  signal: AbortSignal;
}

/** Several repositories that are read as one, and what of them cannot be read. */
export class Reading {
  readonly unread = new Map<string, DomainError>();
  private readonly began = performance.now();

  constructor(
    readonly repositories: readonly Repository[],
    /** Whether one was named: then what cannot be read is an error. */
    readonly strict: boolean,
  ) {}

  /** Whether all are looked at together. */
  get isShort(): boolean {
    return this.repositories.length <= AT_ONCE;
  }

  /** What is left of so long, since it began. */
  left(ms: number): number {
    return Math.max(1, this.began + ms - performance.now());
  }

  /** In the order of the repositories. */
  get told(): UnreadRepository[] {
    return this.repositories.flatMap(({ id }) => {
      const failure = this.unread.get(id);
      return failure === undefined ? [] : [{ repository_id: id, code: failure.code, detail: failure.detail }];
    });
  }
}

/** Reads the mirrors of several repositories, a few at a time. */
@Injectable()
export class RepositoryReader {
  constructor(
    private readonly repositories: RepositoriesService,
    private readonly mirrors: MirrorsService,
  ) {}

  /**
   * The repository that is named, or all of the organization but some; null when these are too many. Throws
   * RepositoryNotFound.
   */
  async choose(principal: Principal, id: string | undefined, without: readonly string[] = []): Promise<Reading | null> {
    const most = MOST_REPOSITORIES + without.length;
    const all = await this.repositories.forLists(principal, id, most + 1);
    const repositories = all.filter((repository) => !without.includes(repository.id));
    return repositories.length > MOST_REPOSITORIES ? null : new Reading(repositories, id !== undefined);
  }

  /**
   * Does the work in the mirror of each. Of several, those where that fails, or takes too long, are named as unread, and
   * what is damaged is mended before. Throws GitNotHere, and what the only one fails with, or the first when all fail.
   */
  async each(
    reading: Reading,
    { fresh, signal }: ReadingOptions,
    work: (repository: Repository, directory: string, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    if (reading.repositories.length > 0) this.mirrors.assertHere();
    const read = async (repository: Repository, ended: AbortSignal): Promise<void> => {
      const fresh_ms = reading.left(FRESH_MS);
      const patience = reading.isShort ? PATIENCE : { first_ms: fresh_ms, fresh_ms };
      const { id } = repository;
      const directory = fresh ? await this.mirrors.open(id, patience) : await this.mirrors.locate(id);
      await work(repository, directory, ended);
    };
    const look_ms = reading.isShort ? LONG_LOOK_MS : LOOK_MS;
    await eachInTurn(AT_ONCE, localFirst(reading.repositories), async (repository) => {
      if (reading.strict) return read(repository, signal);
      const looked = withinTime(signal, reading.left(look_ms), (ended) => read(repository, ended));
      const outcome = looked.catch(async (failure: unknown) => {
        await this.mend(reading, repository.id, failure, signal);
        await withinTime(signal, reading.left(LONG_LOOK_MS), (ended) => read(repository, ended));
      });
      await outcome.catch((error: unknown) => {
        if (signal.aborted) throw signal.reason;
        this.leaveOut(reading, repository.id, error);
      });
    });
    this.assertSome(reading);
  }

  /**
   * Does work on what `each` has opened. One where that fails is mended, or else left out, which the work finds in
   * `unread`, and the work is done again. Throws what the only one fails with, or the first when all do.
   */
  async together<T>(reading: Reading, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const mended = new Set<string>();
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof GitFailedIn) || signal.aborted) throw error;
        const { repository_id: id, failure } = error;
        if (reading.strict) throw failure;
        const mending = mended.has(id) ? Promise.reject(failure) : this.mend(reading, id, failure, signal);
        mended.add(id);
        await mending.catch((why: unknown) => this.leaveOut(reading, id, why));
        this.assertSome(reading);
      }
    }
  }

  /** Throws the failure where there is nothing to mend, and what it is that keeps it from being mended in time. */
  private async mend(reading: Reading, id: string, failure: unknown, signal: AbortSignal): Promise<void> {
    if (!(failure instanceof GitFailed) || failure.reason !== 'damaged') throw failure;
    await withinTime(signal, reading.left(LONG_LOOK_MS), async (ended) => {
      if (!(await this.mirrors.mending(id)(failure, ended))) throw failure;
    });
  }

  private leaveOut({ unread }: Reading, id: string, failure: unknown): void {
    if (!(failure instanceof DomainError) || failure instanceof GitNotHere) throw failure;
    unread.set(id, failure);
  }

  /** A list of nothing but failures is one. */
  private assertSome({ repositories, unread }: Reading): void {
    const [first] = repositories;
    const failure = first && unread.get(first.id);
    if (failure !== undefined && unread.size === repositories.length) throw failure;
  }
}

/** What is on the own disk costs little to look at, and people look for the commit that they have just made there. */
const localFirst = (repositories: readonly Repository[]): Repository[] => [
  ...repositories.filter((one) => localPathOf(one) !== null),
  ...repositories.filter((one) => localPathOf(one) === null),
];
