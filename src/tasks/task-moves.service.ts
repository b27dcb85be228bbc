import { Injectable } from '@nestjs/common';
import { SYSTEM, type Actor } from '../auth/principal.js';
import { RunAgain } from '../database/database.errors.js';
import type { EventType } from '../events/event-types.js';
import { LeasesService, type LeaseRow } from '../queue/leases.service.js';
import { QueueService } from '../queue/queue.service.js';
import { DependenciesStore, type OpenDependencies } from './dependencies.store.js';
import type { Task } from './task.entity.js';
import { TaskNotFound, WaitsForKey } from './task.errors.js';
import { isFinal, mayMove, type TaskStatus } from './task.states.js';
import { TaskMovesStore, type TaskOutcome } from './task-moves.store.js';
import { TaskNotices } from './task-notices.service.js';

export type { Task, TaskOutcome };

/** What a task does because of another one. */
const BY_DEPENDENCY: Actor = { ...SYSTEM, trigger: 'dependency' };

/** A task with what is locked before it. */
export interface LockedTask {
  task: Task;
  lease: LeaseRow | null;
}

/**
 * The only way a task changes its status, but for the claim. Everything that follows from a change happens in the same
 * transaction: the queue, the exclusive key, the tasks that wait for this one, and what is told.
 */
@Injectable()
export class TaskMovesService {
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

  /** Locks the task of an attempt whose lease is locked already. */
  async lockForOutcome(id: string): Promise<Task> {
    const task = await this.store.lock(id);
    if (task === null) throw new TaskNotFound();
    return task;
  }

  /** Moves a locked, running task to where its attempt leaves it. */
  async applyOutcome(task: Task, outcome: TaskOutcome, actor: Actor, type: EventType): Promise<Task> {
    assertMove(task, outcome.status);
    const changed = await this.store.applyOutcome(task.id, outcome);
    await this.queue.release(task.id);
    if (changed.status === 'pending') await this.queue.enqueue(changed, changed.run_at);
    const { failure_reason, retry_count } = changed;
    const execution_id = task.current_execution_id;
    await this.notices.tell(type, [changed], actor, { failure_reason, retry_count, execution_id });
    await this.follow(changed);
    return changed;
  }

  /** Cancels a locked task that does not run. */
  async cancel(task: Task, reason: string | null, actor: Actor): Promise<Task> {
    assertMove(task, 'cancelled');
    await this.queue.remove(task.id);
    const cancelled = await this.store.cancel(task.id, reason);
    await this.notices.tell('task.cancelled', [cancelled], actor, { reason });
    await this.follow(cancelled);
    return cancelled;
  }

  /** Asks the worker of a locked task to end it. */
  async requestCancel(task: Task, lease: LeaseRow, reason: string | null): Promise<Task> {
    await this.leases.requestCancel(lease);
    return this.store.requestCancel(task.id, reason);
  }

  /** Begins a locked task anew that has ended without success. */
  async restart(task: Task, actor: Actor): Promise<Task> {
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
    await this.leases.beginUnattended(executionId, task.id, started.timeout_seconds);
    await this.notices.tell('task.started', [started], actor, { execution_id: executionId });
    return started;
  }

  /**
   * Lets a locked pending or blocked task be what its dependencies make of it. To be called behind the lock of the
   * task, once its edges have changed.
   */
  async reconsider(task: Task): Promise<Task> {
    const open = await this.openOf(task.id);
    if (open.unmet === 0) return task.status === 'pending' ? task : this.moveOne(task, 'pending');
    const waiting = task.status === 'pending' ? await this.block(task) : task;
    return open.broken > 0 ? this.skip(waiting) : waiting;
  }

  /** Passes over new tasks whose dependencies have ended without success already, and those behind them. */
  async skipBroken(tasks: readonly Task[]): Promise<void> {
    for (const task of tasks) await this.skip(task);
  }

  /** What the change of a task means for those that wait for it. */
  private async follow(task: Task): Promise<void> {
    if (task.status === 'completed') await this.wakeDependents(task.id);
    else if (isFinal(task.status)) await this.skipBehind(task.id);
  }

  /** Those that waited for this one last are queued; those that were skipped for its sake come back. */
  private async wakeDependents(id: string): Promise<void> {
    const dependents = await this.dependencies.lockDependents(id, ['blocked', 'skipped']);
    if (dependents.length === 0) return;
    const skipped = new Set(dependents.filter(({ status }) => status === 'skipped').map((task) => task.id));
    const open = await this.dependencies.countOpen(dependents.map((task) => task.id));
    const idsOf = (which: (one: OpenDependencies) => boolean): string[] =>
      open.filter(which).map(({ task_id }) => task_id);
    await this.moveAll(
      idsOf(({ unmet }) => unmet === 0),
      'pending',
    );
    await this.moveAll(
      idsOf(({ task_id, unmet, broken }) => unmet > 0 && broken === 0 && skipped.has(task_id)),
      'blocked',
    );
  }

  private async moveAll(ids: readonly string[], status: 'pending' | 'blocked'): Promise<void> {
    if (ids.length === 0) return;
    const moved = await this.store.moveAll(ids, status);
    if (status === 'pending') await this.queue.enqueueAll(moved);
    await this.notices.tell(status === 'pending' ? 'task.unblocked' : 'task.blocked', moved, BY_DEPENDENCY);
  }

  /** Blocked tasks that wait for one that has ended without success, and those behind them, are passed over. */
  private async skipBehind(id: string): Promise<void> {
    const ids = await this.dependencies.lockBlockedBehind(id);
    if (ids.length === 0) return;
    const skipped = await this.store.moveAll(ids, 'skipped');
    await this.notices.tell('task.skipped', skipped, BY_DEPENDENCY, { because_of: id });
  }

  private async moveOne(task: Task, status: 'pending'): Promise<Task> {
    assertMove(task, status);
    const [moved] = await this.store.moveAll([task.id], status);
    if (moved === undefined) throw new TaskNotFound();
    await this.queue.enqueue(moved, moved.run_at);
    await this.notices.tell('task.unblocked', [moved], BY_DEPENDENCY);
    return moved;
  }

  private async block(task: Task): Promise<Task> {
    assertMove(task, 'blocked');
    await this.queue.remove(task.id);
    const [blocked] = await this.store.moveAll([task.id], 'blocked');
    if (blocked === undefined) throw new TaskNotFound();
    await this.notices.tell('task.blocked', [blocked], BY_DEPENDENCY);
    return blocked;
  }

  private async skip(task: Task): Promise<Task> {
    assertMove(task, 'skipped');
    const [skipped] = await this.store.moveAll([task.id], 'skipped');
    if (skipped === undefined) throw new TaskNotFound();
    await this.notices.tell('task.skipped', [skipped], BY_DEPENDENCY);
    await this.skipBehind(task.id);
    return skipped;
  }

  private async openOf(taskId: string): Promise<OpenDependencies> {
    const [open] = await this.dependencies.countOpen([taskId]);
    return open ?? { task_id: taskId, unmet: 0, broken: 0 };
  }
}

function assertMove(task: Task, status: TaskStatus): void {
  if (!mayMove(task.status, status)) throw new Error(`no move from ${task.status} to ${status}`);
}
