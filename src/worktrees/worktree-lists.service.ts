import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { DomainError } from '../domain-error.js';
import { ExecutionsService } from '../executions/executions.service.js';
import { BegunWorktrees } from '../git/begun-worktrees.service.js';
import { eachInTurn } from '../git/each-in-turn.js';
import { withinGitTime } from '../git/git-time.js';
import { WorktreeNotFound } from '../git/git.errors.js';
import { LocalWorktrees, type LinkedWorktree } from '../git/local-worktrees.service.js';
import type { SafeView } from '../git/safe-views.js';
import { WorktreeStates, type WorktreeState } from '../git/worktree-states.service.js';
import { readCursor, toPage, type Page } from '../http/page.js';
import { LocalRepositories, type LocalRepository } from '../repositories/local-repositories.service.js';
import type { UnreadRepository } from '../repositories/repository-reader.service.js';
import { isOf, LinkedRecords, type OpenRepository } from './linked-records.service.js';
import { executionIn, ofCheckout, ofLinked, type KnownExecution, type Worktree } from './worktree.js';
import { TooManyLocalRepositories } from './worktree.errors.js';
import { WorktreesStore, type LinkedRow, type ListedRow } from './worktrees.store.js';

/** Of more repositories only those are visited that a page tells of. */
const MOST_REPOSITORIES = 20;
const MOST_NAMED = 200;
const AT_ONCE = 4;
const NOT_VISITED = {
  code: 'worktree/not-visited',
  detail:
    'There are too many repositories to visit each: what was added here lately is missing. Name it with repository_id.',
};
/** What is not looked at by then is told without: a list that comes late is none. */
const LOOK_MS = 3000;

/** What a caller wants to see. */
export interface WorktreeListInput {
  repository_id?: string;
  limit: number;
  cursor?: string;
}

export interface WorktreeList extends Page<Worktree> {
  unread: UnreadRepository[];
}

/** The repositories of a list, as far as anybody has gone there. */
interface Visit {
  open: Map<string, OpenRepository>;
  unread: Map<string, DomainError>;
  /** Whether what cannot be read is an error. */
  strict: boolean;
  signal: AbortSignal;
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
    private readonly records: LinkedRecords,
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
      const visit: Visit = { open: new Map(), unread: new Map(), strict: input.repository_id !== undefined, signal };
      try {
        await eachInTurn(AT_ONCE, repositories.slice(0, MOST_REPOSITORIES), (one) => this.visit(one, visit));
        const rows = await this.store.findPage({
          organization_id,
          repository_id: input.repository_id ?? null,
          linked_in: repositories.filter(({ id }) => !visit.unread.has(id)).map(({ id }) => id),
          before,
          limit: input.limit + 1,
        });
        const shown = await this.describe(rows.slice(0, input.limit), repositories, visit, patience);
        const { next_cursor } = toPage(rows, input.limit, ({ id }) => id);
        const unread = repositories.flatMap(({ id }) => {
          const { code, detail } = visit.unread.get(id) ?? (visit.open.has(id) ? {} : NOT_VISITED);
          return code === undefined || detail === undefined ? [] : [{ repository_id: id, code, detail }];
        });
        return { items: shown, next_cursor, unread };
      } finally {
        for (const { close } of visit.open.values()) await close();
      }
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
    const repositories = await this.repositories.paths(repository.organization_id);
    return ofLinked({ record, linked, state, execution, repositories }, await this.store.now());
  }

  /** How an open one is now. */
  async see({ repository, view, record, linked }: OpenLinked, signal: AbortSignal): Promise<Worktree> {
    const [worktree] = await this.seeAll(repository, view, [{ record, linked }], { signal, patience: signal });
    if (worktree === undefined) throw new WorktreeNotFound();
    return worktree;
  }

  private async repositoriesFor(principal: Principal, id: string | undefined): Promise<LocalRepository[]> {
    if (id !== undefined) {
      const named = await this.repositories.find(principal, id);
      return named === null ? [] : [named];
    }
    const repositories = await this.repositories.list(principal, MOST_NAMED + 1);
    if (repositories.length > MOST_NAMED) throw new TooManyLocalRepositories(MOST_NAMED);
    return repositories;
  }

  private async visit(repository: LocalRepository, { open, unread, strict, signal }: Visit): Promise<void> {
    try {
      open.set(repository.id, await this.records.open(repository, signal));
    } catch (error) {
      if (strict || !(error instanceof DomainError)) throw error;
      unread.set(repository.id, error);
    }
  }

  /** In their order; what has gone since the look is left out. */
  private async describe(
    rows: readonly ListedRow[],
    repositories: readonly LocalRepository[],
    visit: Visit,
    patience: AbortSignal,
  ): Promise<Worktree[]> {
    const known = new Map<string, Worktree>();
    const now = await this.store.now();
    const checkouts = rows.filter(({ kind }) => kind === 'checkout').map(({ id }) => id);
    if (checkouts.length > 0)
      for (const row of await this.store.findCheckouts(checkouts)) known.set(row.id, ofCheckout(row, now));
    const linked = rows.filter(({ kind }) => kind === 'linked');
    for (const repository of repositories) {
      const ids = linked.filter((row) => row.repository_id === repository.id).map(({ id }) => id);
      if (ids.length === 0) continue;
      if (!visit.open.has(repository.id)) await this.visit(repository, visit);
      const open = visit.open.get(repository.id);
      for (const worktree of open === undefined ? [] : await this.describeIn(open, ids, { ...visit, patience }))
        known.set(worktree.id, worktree);
    }
    return rows.flatMap(({ id }) => known.get(id) ?? []);
  }

  private async describeIn(open: OpenRepository, ids: readonly string[], look: Look): Promise<Worktree[]> {
    const some = open.records.flatMap((record) => {
      const linked = ids.includes(record.id) ? open.found.find((one) => isOf(record, one)) : undefined;
      return linked === undefined ? [] : [{ record, linked }];
    });
    return this.seeAll(open.repository, open.view, some, look);
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
    const repositories = await this.repositories.paths(repository.organization_id);
    const now = await this.store.now();
    return some.flatMap((one, at) => {
      const state = states[at];
      const execution = executions[at] ?? null;
      return state === undefined ? [] : [ofLinked({ ...one, state, execution, repositories }, now)];
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
