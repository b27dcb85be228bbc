import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { GitAddress } from '../git/git-address.js';
import { BranchesService } from '../git/branches.service.js';
import { GitFailed, MirrorNotReady } from '../git/git.errors.js';
import { MirrorsService, type Patience } from '../git/mirrors.service.js';
import { readCursor, toPage, type Page, type PageQuery } from '../http/page.js';
import { NoSuchBranch, RepositoryNotFound } from './repositories.errors.js';
import { localPathOf } from './repository-source.js';
import { RepositoriesStore, type RepositoryChanges, type RepositoryRow as Repository } from './repositories.store.js';

/** What a request waits for a fetch before it answers with the state of things. */
const PATIENCE_MS = 3000;
const PATIENCE: Patience = { first_ms: PATIENCE_MS, fresh_ms: PATIENCE_MS };
const RESUMED_AT_START = 100;

export type { Repository };

/** What a caller may change; absent fields stay. */
export type RepositoryUpdate = Omit<RepositoryChanges, 'default_branch' | 'default_branch_chosen'> & {
  default_branch?: string | null;
};

/** What a worker's claim says of a repository. */
export interface ClaimRepository {
  id: string;
  full_name: string | null;
  /** The smart HTTP address of its mirror. */
  clone_url: string;
  default_branch: string;
}

/** Registered Git repositories. Not there and not the caller's own look alike. */
@Injectable()
export class RepositoriesService implements OnApplicationBootstrap {
  private readonly logger = new Logger(RepositoriesService.name);

  constructor(
    private readonly store: RepositoriesStore,
    private readonly mirrors: MirrorsService,
    private readonly address: GitAddress,
    private readonly branches: BranchesService,
  ) {}

  /** Goes on with first fetches that an earlier process did not end. */
  async onApplicationBootstrap(): Promise<void> {
    if (!this.mirrors.here) return;
    for (const { id } of await this.store.findSyncing(RESUMED_AT_START)) this.inBackground(id, this.mirrors.sync(id));
  }

  /** Begins the first fetch of a repository; a local one is mostly fetched when this returns. */
  async fetchFirst(row: Repository): Promise<Repository> {
    if (!this.mirrors.here) return row;
    const syncing = this.mirrors.sync(row.id);
    this.inBackground(row.id, syncing);
    if (localPathOf(row) === null) return row;
    await settledWithin(syncing, PATIENCE_MS);
    return (await this.store.findOwn(row.organization_id, row.id)) ?? row;
  }

  /** Throws RepositoryNotFound. */
  async get(principal: Principal, id: string): Promise<Repository> {
    const row = await this.store.findOwn(organizationOf(principal), id);
    if (row === null) throw new RepositoryNotFound();
    return row;
  }

  /** Newest first. Throws InvalidInput for a broken cursor. */
  async list<T>(principal: Principal, query: PageQuery, present: (row: Repository) => T): Promise<Page<T>> {
    const rows = await this.store.list(organizationOf(principal), readCursor(query.cursor), query.limit + 1);
    return toPage(rows, query.limit, present);
  }

  /**
   * A default branch of null follows the source again. Throws RepositoryNotFound, and NoSuchBranch for a default branch
   * that is not there, as far as this process can see.
   */
  async update(principal: Principal, id: string, changes: RepositoryUpdate): Promise<Repository> {
    const { default_branch, ...others } = changes;
    await this.get(principal, id);
    if (typeof default_branch === 'string') await this.assertBranch(id, default_branch);
    const chosen = default_branch === undefined ? {} : { default_branch_chosen: default_branch !== null };
    const row = await this.store.update(organizationOf(principal), id, {
      ...others,
      ...chosen,
      // What it follows again is known with the next fetch.
      ...(typeof default_branch === 'string' && { default_branch }),
    });
    if (row === null) throw new RepositoryNotFound();
    // The mirror's HEAD follows with the next fetch.
    if (changes.default_branch !== undefined && this.mirrors.here) this.inBackground(id, this.mirrors.sync(id));
    return row;
  }

  /**
   * Fetches now; after three seconds the fetch goes on by itself. Throws RepositoryNotFound, GitNotHere, or what
   * the fetch failed with.
   */
  async sync(principal: Principal, id: string): Promise<Repository> {
    await this.get(principal, id);
    this.mirrors.assertHere();
    const failure = await this.fetchNow(id);
    if (failure !== null) throw failure;
    return this.get(principal, id);
  }

  /**
   * Fetches now, as something that a fetch goes by has changed; after three seconds it goes on by itself. That it failed
   * stands in the answer. Throws RepositoryNotFound.
   */
  async fetchAnew(principal: Principal, id: string): Promise<Repository> {
    if (this.mirrors.here) await this.fetchNow(id);
    return this.get(principal, id);
  }

  /** The caller's own repository, or all of the organization up to `limit`; newest first. */
  async forLists(principal: Principal, repository_id: string | undefined, limit: number): Promise<Repository[]> {
    if (repository_id !== undefined) return [await this.get(principal, repository_id)];
    return this.store.list(organizationOf(principal), null, limit);
  }

  /** For claims, which may span organizations: the caller has settled what the worker may see. */
  async forClaim(ids: readonly string[]): Promise<ClaimRepository[]> {
    const rows = ids.length === 0 ? [] : await this.store.findMany(ids);
    return rows.map(({ id, full_name, default_branch }) => ({
      id,
      full_name,
      clone_url: this.address.of(id),
      default_branch: default_branch ?? 'main',
    }));
  }

  /** Whether anybody has registered anything. */
  existAny(): Promise<boolean> {
    return this.store.existAny();
  }

  /** Ids of all repositories of the organization. */
  idsOf(organizationId: string): Promise<string[]> {
    return this.store.idsOf(organizationId);
  }

  /** Deletes the mirrors of repositories that are not there any more. */
  removeMirrors(ids: readonly string[]): void {
    if (this.mirrors.here) for (const id of ids) this.inBackground(id, this.mirrors.remove(id));
  }

  /** Those of the ids that are repositories of the organization. */
  async findOwn(organizationId: string, ids: readonly string[]): Promise<Repository[]> {
    const rows = ids.length === 0 ? [] : await this.store.findMany([...new Set(ids)]);
    return rows.filter(({ organization_id }) => organization_id === organizationId);
  }

  /** Nothing can be told where the mirror is not, or not yet; and of an empty repository the first branch is to come. */
  private async assertBranch(id: string, branch: string): Promise<void> {
    if (!this.mirrors.here) return;
    const directory = await this.mirrors.open(id, PATIENCE).catch((error: unknown) => {
      if (error instanceof GitFailed || error instanceof MirrorNotReady) return null;
      throw error;
    });
    if (directory === null) return;
    const name = Buffer.from(branch);
    const branches = await this.branches.list(directory);
    if (branches.length > 0 && !branches.some((one) => one.name.equals(name))) throw new NoSuchBranch();
  }

  /** What it failed with within three seconds. */
  private async fetchNow(id: string): Promise<Error | null> {
    await this.store.markSyncing(id);
    const syncing = this.mirrors.sync(id);
    this.inBackground(id, syncing);
    return settledWithin(syncing, PATIENCE_MS);
  }

  /** The outcome is kept in the repository's status; here it only must not go unheard. */
  private inBackground(id: string, work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.logger.warn({ repository_id: id, err: error }, 'work on a mirror failed');
    });
  }
}

/** The failure of what ended in time; null when it went well or still goes on. */
async function settledWithin(work: Promise<void>, ms: number): Promise<Error | null> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  const outcome = work.then(
    () => null,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
  return Promise.race([outcome, patience]).finally(() => clearTimeout(timer));
}
