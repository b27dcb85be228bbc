import { Injectable } from '@nestjs/common';
import { organizationOf, type Actor, type Principal } from '../auth/principal.js';
import { Lookup } from '../database/lookup.js';
import { readCursor, toPage, type Page } from '../http/page.js';
import { LeasesService } from '../queue/leases.service.js';
import { AttemptsService } from './attempts.service.js';
import { ExecutionNotFound } from './execution.errors.js';
import type { ExecutionListInput, LogsInput } from './executions.input.js';
import { ExecutionsStore, type ExecutionView, type LogRow, type BranchOwner } from './executions.store.js';

export type { ExecutionView };

/** Some entries of a log, and whether that is all there will be, or all there was. */
export interface LogPart {
  rows: LogRow[];
  next_after: number;
  complete: boolean;
  /** Old logs leave by themselves. */
  removed: boolean;
}

const LEVELS = ['debug', 'info', 'warn', 'error'];

/** Attempts and their logs, for reading; and handing back what a worker cannot go on with. */
@Injectable()
export class ExecutionsService {
  private readonly views = new Lookup(async (ids) => {
    const found = await this.store.findByIds(ids);
    return new Map(found.map((execution) => [execution.id, execution]));
  });

  constructor(
    private readonly store: ExecutionsStore,
    private readonly attempts: AttemptsService,
    private readonly leases: LeasesService,
  ) {}

  async find(principal: Principal, id: string): Promise<ExecutionView> {
    const execution = await this.store.findOne(organizationOf(principal), id);
    if (execution === null) throw new ExecutionNotFound();
    return execution;
  }

  async list<T>(
    principal: Principal,
    input: ExecutionListInput,
    present: (execution: ExecutionView) => T,
  ): Promise<Page<T>> {
    const rows = await this.store.findPage({
      organization_id: organizationOf(principal),
      status: input.status ?? null,
      task_id: input.task_id ?? null,
      agent_type: input.agent_type ?? null,
      worker_id: input.worker_id ?? null,
      repository_id: input.repository_id ?? null,
      before: readCursor(input.cursor),
      limit: input.limit,
    });
    return toPage(rows, input.limit, present);
  }

  /**
   * Log entries behind `after`. `complete` says that the execution has ended and there is nothing behind these; the
   * state is read before the entries, so that an entry stored in between is not missed.
   */
  async logs(principal: Principal, id: string, input: LogsInput): Promise<LogPart> {
    const execution = await this.find(principal, id);
    const levels = input.level === undefined ? null : LEVELS.slice(LEVELS.indexOf(input.level));
    const filter = { execution_id: id, after: input.after, levels, q: input.q ?? null, limit: input.limit };
    const rows = await this.store.findLogs({ ...filter, tail: input.tail ?? null });
    const full = rows.length >= (input.tail ?? input.limit) && input.tail === undefined;
    const ended = execution.status !== 'running';
    // Filtered entries count as read: who asks again with `next_after` need not pass over them once more. Those that the
    // record counted before the look were there to be seen by it.
    const seen = rows.at(-1)?.seq ?? input.after;
    const next_after = full ? seen : Math.max(seen, execution.log_entries - 1, input.after);
    return { rows, next_after, complete: ended && !full, removed: execution.logs_removed_at !== null };
  }

  /** Whose these branches of a repository are, as far as they are those of executions. */
  findByBranches(
    organizationId: string,
    repositoryId: string,
    branches: readonly string[],
  ): Promise<readonly BranchOwner[]> {
    return this.store.findByBranches(organizationId, repositoryId, branches);
  }

  /** Ids of tasks of which an execution in a repository has left one of these commits. */
  async findTasksByCommits(
    organizationId: string,
    repositoryId: string,
    commits: readonly string[],
    limit: number,
  ): Promise<string[]> {
    const found = await this.store.findByCommits(organizationId, repositoryId, commits, limit);
    return found.map(({ task_id }) => task_id);
  }

  /** An execution of whatever organization, for workers, who are known by their token; asked together with others. */
  findAny(id: string): Promise<ExecutionView | null> {
    return this.views.find(id);
  }

  findByIds(ids: readonly string[]): Promise<ExecutionView[]> {
    return this.store.findByIds(ids);
  }

  /** Hands back what a worker runs, but for `keep`, in the transaction under way; `why` is for people. */
  async releaseAll(
    workerId: string,
    { keep = [], why }: { keep?: readonly string[]; why: string },
    actor: Actor,
  ): Promise<void> {
    await this.leases.lockWorker(workerId);
    const leases = await this.leases.lockByWorker(workerId);
    const released = leases.filter((lease) => !keep.includes(lease.execution_id));
    for (const lease of released) {
      await this.attempts.end(lease, { outcome: 'released', error_message: why }, actor, false);
    }
  }
}
