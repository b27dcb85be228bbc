import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { DomainError } from '../domain-error.js';
import { ExecutionsService } from '../executions/executions.service.js';
import { BegunWorktrees } from '../git/begun-worktrees.service.js';
import { withinGitTime } from '../git/git-time.js';
import { LocalWorktrees, type LinkedWorktree } from '../git/local-worktrees.service.js';
import type { SafeView } from '../git/safe-views.js';
import { WorktreeStates, type WorktreeState } from '../git/worktree-states.service.js';
import { readCursor, toPage, type Page } from '../http/page.js';
import { newId } from '../ids.js';
import { LocalRepositories, type LocalRepository } from '../repositories/local-repositories.service.js';
import { executionIn, ofCheckout, ofLinked, type KnownExecution, type Worktree } from './worktree.js';
import { TooManyLocalRepositories, WorktreeNotFound } from './worktree.errors.js';
import { WorktreesStore, type LinkedRow, type ListedRow } from './worktrees.store.js';

const MOST_REPOSITORIES = 20;
/** What is not looked at by then is told without: a list that comes late is none. */
const LOOK_MS = 3000;

/** What a caller wants to see. */
export interface WorktreeListInput {
  repository_id?: string;
  limit: number;
  cursor?: string;
}

/** A repository whose work trees could not be listed, and why. */
export interface UnreadRepository {
  repository_id: string;
  code: string;
  detail: string;
}

export interface WorktreeList extends Page<Worktree> {
  unread: UnreadRepository[];
}

/** How long work trees are looked at. */
interface Look {
  signal: AbortSignal;
  patience: AbortSignal;
}

/** A linked work tree with what it was found by. */
export interface OpenLinked {
  repository: LocalRepository;
  view: SafeView;
  record: LinkedRow;
  linked: LinkedWorktree;
}

/** A linked work tree before anybody has gone to the disk. */
export interface LocatedLinked {
  repository: LocalRepository;
  record: LinkedRow;
  /** Throws WorktreeNotFound. */
  choose: (found: readonly LinkedWorktree[]) => LinkedWorktree;
}

/** Worktrees of local repositories and of workers, as they are now. */
@Injectable()
export class WorktreeLists {
  constructor(
    private readonly store: WorktreesStore,
    private readonly repositories: LocalRepositories,
    private readonly local: LocalWorktrees,
    private readonly states: WorktreeStates,
    private readonly executions: ExecutionsService,
    private readonly begun: BegunWorktrees,
  ) {}

  /**
   * Newest first. Of several repositories those that cannot be read are named beside the list. Throws InvalidInput,
   * RepositoryNotFound, TooManyLocalRepositories, and for the one that was named GitNotHere and GitFailed.
   */
  async list(principal: Principal, input: WorktreeListInput, gone: AbortSignal): Promise<WorktreeList> {
    const organization_id = organizationOf(principal);
    const before = readCursor(input.cursor);
    const repositories = await this.repositoriesFor(principal, input.repository_id);
    const patience = AbortSignal.timeout(LOOK_MS);
    return withinGitTime(gone, async (signal) => {
      const { read, unread } = await this.bringUp(repositories, input.repository_id !== undefined, signal);
      const rows = await this.store.findPage({
        organization_id,
        repository_id: input.repository_id ?? null,
        linked_in: read.map(({ id }) => id),
        before,
        limit: input.limit + 1,
      });
      const shown = await this.describe(rows.slice(0, input.limit), read, { signal, patience });
      const { next_cursor } = toPage(rows, input.limit, ({ id }) => id);
      return { items: shown, next_cursor, unread };
    });
  }

  /** Throws WorktreeNotFound, GitNotHere, GitFailed. */
  async find(principal: Principal, id: string, gone: AbortSignal): Promise<Worktree> {
    const checkout = await this.store.findCheckout(organizationOf(principal), id);
    if (checkout !== null) return ofCheckout(checkout, await this.store.now());
    return withinGitTime(gone, (signal) => this.openLinked(principal, id, signal, (open) => this.see(open, signal)));
  }

  /** The record of a linked work tree, and how to find it on the disk. Throws WorktreeNotFound. */
  async locate(principal: Principal, id: string): Promise<LocatedLinked> {
    const record = await this.store.findLinked(organizationOf(principal), id);
    const repository = record && (await this.repositories.find(principal, record.repository_id));
    if (!repository) throw new WorktreeNotFound();
    await this.begun.settleSoon();
    const choose = (found: readonly LinkedWorktree[]): LinkedWorktree => {
      const linked = found.find((one) => isOf(record, one));
      if (linked === undefined) throw new WorktreeNotFound();
      return linked;
    };
    return { repository, record, choose };
  }

  /** Runs work with a linked work tree of the organization. Throws WorktreeNotFound, GitNotHere, GitFailed. */
  async openLinked<T>(
    principal: Principal,
    id: string,
    signal: AbortSignal,
    work: (open: OpenLinked) => Promise<T>,
  ): Promise<T> {
    const { repository, record, choose } = await this.locate(principal, id);
    return this.local.within(repository.path, async (view) =>
      work({ repository, view, record, linked: choose(await this.local.listIn(view, signal)) }),
    );
  }

  /** A linked work tree as it is told, by the state that it is in. */
  async present(
    { repository, record }: Pick<LocatedLinked, 'repository' | 'record'>,
    linked: LinkedWorktree,
    state: WorktreeState,
  ): Promise<Worktree> {
    const [execution = null] = await this.executionsOf(repository, [executionIn(state.message)]);
    return ofLinked({ record, linked, state, execution }, await this.store.now());
  }

  /** How an open one is now. */
  async see({ repository, view, record, linked }: OpenLinked, signal: AbortSignal): Promise<Worktree> {
    const [worktree] = await this.seeAll(repository, view, [{ record, linked }], { signal, patience: signal });
    if (worktree === undefined) throw new WorktreeNotFound();
    return worktree;
  }

  /** Brings the ids of the work trees of a repository up to what is on the disk. */
  async bringUpOne(repository: LocalRepository, signal: AbortSignal): Promise<LinkedRow[]> {
    await this.begun.settleSoon();
    const found = await this.local.list(repository.path, signal);
    const known = await this.store.linkedIn(repository.id);
    const isKnown = (linked: LinkedWorktree): boolean => known.some((record) => isOf(record, linked));
    if (known.length === found.length && found.every(isKnown)) return known;
    const told = found.map(({ name, created_at }) => ({ id: newId(), name, created_at }));
    await this.store.replaceLinked(repository, told);
    return this.store.linkedIn(repository.id);
  }

  private async repositoriesFor(principal: Principal, id: string | undefined): Promise<LocalRepository[]> {
    if (id !== undefined) {
      const named = await this.repositories.find(principal, id);
      return named === null ? [] : [named];
    }
    const repositories = await this.repositories.list(principal, MOST_REPOSITORIES + 1);
    if (repositories.length > MOST_REPOSITORIES) throw new TooManyLocalRepositories(MOST_REPOSITORIES);
    return repositories;
  }

  private async bringUp(
    repositories: readonly LocalRepository[],
    named: boolean,
    signal: AbortSignal,
  ): Promise<{ read: LocalRepository[]; unread: UnreadRepository[] }> {
    const read: LocalRepository[] = [];
    const unread: UnreadRepository[] = [];
    await Promise.all(
      repositories.map(async (repository) => {
        try {
          await this.bringUpOne(repository, signal);
          read.push(repository);
        } catch (error) {
          if (named || !(error instanceof DomainError)) throw error;
          unread.push({ repository_id: repository.id, code: error.code, detail: error.detail });
        }
      }),
    );
    return { read, unread };
  }

  /** In their order; what has gone since the look is left out. */
  private async describe(
    rows: readonly ListedRow[],
    repositories: readonly LocalRepository[],
    look: Look,
  ): Promise<Worktree[]> {
    const known = new Map<string, Worktree>();
    const now = await this.store.now();
    const checkouts = rows.filter(({ kind }) => kind === 'checkout').map(({ id }) => id);
    if (checkouts.length > 0)
      for (const row of await this.store.findCheckouts(checkouts)) known.set(row.id, ofCheckout(row, now));
    for (const repository of repositories) {
      const ids = rows
        .filter((row) => row.kind === 'linked' && row.repository_id === repository.id)
        .map(({ id }) => id);
      for (const worktree of ids.length > 0 ? await this.describeIn(repository, ids, look) : [])
        known.set(worktree.id, worktree);
    }
    return rows.flatMap(({ id }) => known.get(id) ?? []);
  }

  private async describeIn(repository: LocalRepository, ids: readonly string[], look: Look): Promise<Worktree[]> {
    const records = (await this.store.linkedIn(repository.id)).filter(({ id }) => ids.includes(id));
    return this.local.within(repository.path, async (view) => {
      const found = await this.local.listIn(view, look.signal);
      const some = records.flatMap((record) => {
        const linked = found.find((one) => isOf(record, one));
        return linked === undefined ? [] : [{ record, linked }];
      });
      return this.seeAll(repository, view, some, look);
    });
  }

  private async seeAll(
    repository: LocalRepository,
    view: SafeView,
    some: readonly Pick<OpenLinked, 'record' | 'linked'>[],
    { signal, patience }: Look,
  ): Promise<Worktree[]> {
    const linked = some.map((one) => one.linked);
    const until = AbortSignal.any([signal, patience]);
    const states = await this.states.look(view, linked, repository.default_branch, signal, until);
    const executions = await this.executionsOf(
      repository,
      states.map(({ message }) => executionIn(message)),
    );
    const now = await this.store.now();
    return some.flatMap((one, at) => {
      const state = states[at];
      return state === undefined ? [] : [ofLinked({ ...one, state, execution: executions[at] ?? null }, now)];
    });
  }

  /** Anybody can write a trailer: it counts when the execution is one of this repository. */
  private async executionsOf(
    repository: LocalRepository,
    ids: readonly (string | null)[],
  ): Promise<(KnownExecution | null)[]> {
    const named = [...new Set(ids.filter((id) => id !== null))];
    const found = named.length === 0 ? [] : await this.executions.findByIds(named);
    return ids.map((id) => {
      const execution = found.find((one) => one.id === id);
      if (execution?.repository_id !== repository.id) return null;
      return { id: execution.id, agent_type: execution.agent_type, running: execution.status === 'running' };
    });
  }
}

const isOf = (record: LinkedRow, { name, created_at }: LinkedWorktree): boolean =>
  record.name.equals(name) && record.created_at.getTime() === created_at.getTime();
