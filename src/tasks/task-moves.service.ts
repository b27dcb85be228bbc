import { Injectable } from '@nestjs/common';
import { SYSTEM, type Actor } from '../auth/principal.js';
import { RunAgain } from '../database/database.errors.js';
import type { EventType } from '../events/event-types.js';
import { LeasesService, type LeaseRow } from '../queue/leases.service.js';
import { QueueService } from '../queue/queue.service.js';
import { DependenciesStore, type OpenDependencies } from './dependencies.store.js';
import type { Task } from './task.entity.js';
import { BudgetUsedUp, TaskNotFound, WaitsForKey } from './task.errors.js';
import { isFinal, mayMove, type TaskStatus } from './task.states.js';
import { TaskMovesStore, type AttemptUsage, type TaskOutcome } from './task-moves.store.js';
import { TaskNotices } from './task-notices.service.js';
import type { BudgetState } from './usage.js';

export type { Task, TaskOutcome };

/** What a task does because of another one. */
const BY_DEPENDENCY: Actor = { ...SYSTEM, trigger: 'dependency' };

/** A task with what is locked before it. */
export interface LockedTask {
  task: Task;
  lease: LeaseRow | null;
}

/** A locked task, and how far an attempt at it uses its budget up. */
export interface JudgedTask {
  task: Task;
  budget: BudgetState;
}

/** Where an attempt leaves a locked task, and who says so. */
export interface OutcomeMove {
  task: Task;
  outcome: TaskOutcome;
  actor: Actor;
  type: EventType;
}

/**
 * The only way a task changes its status, but for the claim. Everything that follows from a change happens in the same
 * transaction: the queue, the exclusive key, the tasks that wait for this one, and what is told.
 */
@Injectable()
export class TaskMovesService {
  private endUnattended: ((lease: LeaseRow, actor: Actor) => Promise<Task>) | null = null;

  constructor(
    private readonly store: TaskMovesStore,
    private readonly dependencies: DependenciesStore,
    private readonly queue: QueueService,
    private readonly leases: LeasesService,
    private readonly notices: TaskNotices,
  ) {}

  /**
   * Locks a task and what stands before it in the order that everybody keeps: queue row, lease, task. When it has
   * moved on between the looks, one of them is missing, and the transaction is run again. Throws TaskNotFound.
   */
  async lockWhole(organizationId: string, id: string): Promise<LockedTask> {
    const queued = await this.queue.lock(id);
    const lease = await this.leases.lockByTask(id);
    const task = await this.store.lock(id, organizationId);
    if (task === null) throw new TaskNotFound();
    if ((task.status === 'pending') !== queued || (task.status === 'running') !== (lease !== null))
      throw new RunAgain();
    return { task, lease };
  }

  /** Locks the tasks of attempts whose leases are locked already, and tells what their usage makes of the budgets. */
  async lockForOutcomes(attempts: readonly AttemptUsage[]): Promise<ReadonlyMap<string, JudgedTask>> {
    const locked = await this.store.lockWithBudgets(attempts);
    return new Map(locked.map(({ budget, ...task }) => [task.id, { task, budget }]));
  }

  /** Moves locked, running tasks to where their attempts leave them. */
  async applyOutcomes(moves: readonly OutcomeMove[]): Promise<Task[]> {
    moves.forEach(({ task, outcome }) => assertMove(task, outcome.status));
    const completed = moves.filter(({ outcome }) => outcome.status === 'completed').map(({ task }) => task.id);
    // Asked in one go: which are locked depends on nothing that the first one says.
    const [rows, dependents] = await Promise.all([
      this.store.applyOutcomes(moves.map(({ task, outcome }) => ({ ...outcome, id: task.id }))),
      completed.length === 0 ? [] : this.dependencies.lockDependents(completed),
    ]);
    const byId = new Map(rows.map((row) => [row.id, row]));
    const changes = moves.map((move) => ({ ...move, task: byId.get(move.task.id) ?? move.task, before: move.task }));
    await this.notices.tellEach(
      changes.map(({ task, before, actor, type }) => {
        const { failure_reason, retry_count } = task;
        return { type, task, actor, data: { failure_reason, retry_count, execution_id: before.current_execution_id } };
      }),
    );
    const changed = changes.map(({ task }) => task);
    await this.wake(dependents);
    await this.passOverBehind(changed);
    // Keys come last in the order of locks.
    await this.queue.releaseAll(changed);
    await this.queue.enqueueAll(changed.filter(({ status }) => status === 'pending'));
    return changed;
  }

  /** Cancels a locked task that does not run. */
  async cancel(task: Task, reason: string | null, actor: Actor): Promise<Task> {
    assertMove(task, 'cancelled');
    const cancelled = await this.store.cancel(task.id, reason);
    await this.notices.tell('task.cancelled', [cancelled], actor, { reason });
    await this.passOverBehind([cancelled]);
    await this.queue.remove(task);
    return cancelled;
  }

  /** Takes what ends the attempt of a locked task that nobody holds, once somebody wishes to cancel it. */
  endUnattendedBy(end: (lease: LeaseRow, actor: Actor) => Promise<Task>): void {
    this.endUnattended = end;
  }

  /** Asks the worker of a locked task to end it. Where no worker holds it there is nobody to ask: it ends at once. */
  async requestCancel(task: Task, lease: LeaseRow, reason: string | null, actor: Actor = SYSTEM): Promise<Task> {
    await this.leases.requestCancel(lease);
    const asked = await this.store.requestCancel(task.id, reason);
    return lease.worker_id === null && this.endUnattended ? this.endUnattended(lease, actor) : asked;
  }

  /**
   * Begins a locked task anew that has ended without success. Behind a dependency that has ended so itself it stays
   * blocked, until that is retried or taken from its dependencies: somebody wished so.
   * Throws BudgetUsedUp: no attempt could do anything.
   */
  async restart(task: Task, actor: Actor): Promise<Task> {
    const budget = (await this.lockForOutcomes([{ task_id: task.id, usage: null }])).get(task.id)?.budget;
    if (budget === 'spent' || budget === 'exceeded') throw new BudgetUsedUp(task.status);
    const open = await this.openOf(task.id);
    const status = open.unmet > 0 ? 'blocked' : 'pending';
    assertMove(task, status);
    const restarted = await this.store.restart(task.id, status);
    if (status === 'pending') await this.queue.enqueue(restarted, restarted.run_at);
    await this.notices.tell('task.retried', [restarted], actor);
    return restarted;
  }

  /** Marks a locked pending task as running outside of the fleet, as the execution of that id. */
  async startUnattended(task: Task, executionId: string, actor: Actor): Promise<Task> {
    assertMove(task, 'running');
    if (!(await this.queue.leave(task.id))) throw new WaitsForKey(task.concurrency_key);
    const started = await this.store.startUnattended(task.id, executionId);
    await this.leases.beginUnattended(task.id);
    await this.notices.tell('task.started', [started], actor, { execution_id: executionId });
    return started;
  }

  /**
   * Lets a locked pending or blocked task be what its dependencies make of it, once its edges have changed. With `skip`
   * it is passed over when one of them has ended without success already.
   */
  async reconsider(task: Task, { skip }: { skip: boolean }): Promise<Task> {
    const open = await this.openOf(task.id);
    if (open.unmet === 0) return task.status === 'pending' ? task : this.moveOne(task, 'pending');
    const waiting = task.status === 'pending' ? await this.block(task) : task;
    if (!skip || open.broken === 0) return waiting;
    const [skipped] = await this.skipAll([waiting]);
    return skipped ?? waiting;
  }

  /** Passes over locked blocked tasks whose dependencies have ended without success, and those behind them. */
  async skipAll(tasks: readonly Task[]): Promise<Task[]> {
    tasks.forEach((task) => assertMove(task, 'skipped'));
    const ids = tasks.map(({ id }) => id);
    const skipped = await this.store.moveAll(ids, 'skipped');
    await this.notices.tell('task.skipped', skipped, BY_DEPENDENCY);
    await this.skipBehind(ids);
    return skipped;
  }

  /** Passes over what waits for tasks that have ended without success. */
  private async passOverBehind(tasks: readonly Task[]): Promise<void> {
    const ended = tasks.filter(({ status }) => status !== 'completed' && isFinal(status)).map(({ id }) => id);
    if (ended.length > 1 && (await this.dependencies.lockBehind(ended)).length === 0) return;
    // One by one: those that are passed over are told because of which.
    for (const id of ended) await this.skipBehind([id]);
  }

  /** Of the locked dependents of completed tasks, those that waited for these last are queued; skipped ones come back. */
  private async wake(dependents: readonly string[]): Promise<void> {
    if (dependents.length === 0) return;
    const open = await this.dependencies.countOpen(dependents);
    const ready = open.filter(({ status, unmet }) => unmet === 0 && (status === 'blocked' || status === 'skipped'));
    await this.moveAll(idsOf(ready), 'pending');
    const skipped = open.filter(({ status, unmet }) => unmet > 0 && status === 'skipped');
    if (skipped.length === 0) return;
    // Looked at anew: one that has just come back may have been what they were skipped for.
    const left = ready.length === 0 ? skipped : await this.dependencies.countOpen(idsOf(skipped));
    await this.moveAll(idsOf(left.filter(({ broken }) => broken === 0)), 'blocked');
  }

  private async moveAll(ids: readonly string[], status: 'pending' | 'blocked'): Promise<void> {
    if (ids.length === 0) return;
    const moved = await this.store.moveAll(ids, status);
    await this.notices.tell(status === 'pending' ? 'task.unblocked' : 'task.blocked', moved, BY_DEPENDENCY);
    if (status === 'pending') await this.queue.enqueueAll(moved);
  }

  /** Blocked tasks that wait for some that have ended without success, and those behind them, are passed over. */
  private async skipBehind(causes: readonly string[]): Promise<void> {
    const locked = new Set<string>();
    let behind: Awaited<ReturnType<DependenciesStore['findBehind']>>;
    do {
      for (const { id } of await this.dependencies.lockBehind(causes)) locked.add(id);
      // Looked at behind the locks; what has come within reach meanwhile is locked in another round.
      behind = locked.size === 0 ? [] : await this.dependencies.findBehind(causes);
    } while (behind.some(({ id }) => !locked.has(id)));
    const ids = behind.filter(({ status }) => status === 'blocked').map(({ id }) => id);
    if (ids.length === 0) return;
    const skipped = await this.store.moveAll(ids, 'skipped');
    const [cause, ...others] = causes;
    await this.notices.tell('task.skipped', skipped, BY_DEPENDENCY, others.length === 0 ? { because_of: cause } : {});
  }

  private async moveOne(task: Task, status: 'pending'): Promise<Task> {
    assertMove(task, status);
    const [moved] = await this.store.moveAll([task.id], status);
    if (moved === undefined) throw new TaskNotFound();
    await this.notices.tell('task.unblocked', [moved], BY_DEPENDENCY);
    await this.queue.enqueue(moved, moved.run_at);
    return moved;
  }

  private async block(task: Task): Promise<Task> {
    assertMove(task, 'blocked');
    const [blocked] = await this.store.moveAll([task.id], 'blocked');
    if (blocked === undefined) throw new TaskNotFound();
    await this.notices.tell('task.blocked', [blocked], BY_DEPENDENCY);
    await this.queue.remove(task);
    return blocked;
  }

  private async openOf(taskId: string): Promise<Omit<OpenDependencies, 'status'>> {
    const [open] = await this.dependencies.countOpen([taskId]);
    return open ?? { task_id: taskId, unmet: 0, broken: 0 };
  }
}

function assertMove(task: Task, status: TaskStatus): void {
  if (!mayMove(task.status, status)) throw new Error(`no move from ${task.status} to ${status}`);
}

const idsOf = (open: readonly OpenDependencies[]): string[] => open.map(({ task_id }) => task_id);
