import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { QueueService } from '../queue/queue.service.js';
import { DependenciesStore } from './dependencies.store.js';
import { TaskChecks } from './task-checks.service.js';
import type { Task } from './task.entity.js';
import { TaskChanged, TaskNotFound } from './task.errors.js';
import { TaskMovesService } from './task-moves.service.js';
import { TaskNotices } from './task-notices.service.js';
import { assertAllowed } from './task.rules.js';
import { checkTaskMoves } from './task.states.js';
import type { TaskPatch } from './tasks.input.js';
import { TasksStore } from './tasks.store.js';

export type { Task };

/** What is to be done: one task, and every change of it that people ask for. */
@Injectable()
export class TasksService {
  constructor(
    private readonly store: TasksStore,
    private readonly moves: TaskMovesService,
    private readonly dependencies: DependenciesStore,
    private readonly queue: QueueService,
    private readonly notices: TaskNotices,
    private readonly checks: TaskChecks,
    private readonly database: Database,
  ) {
    checkTaskMoves();
  }

  async find(principal: Principal, id: string): Promise<Task> {
    const task = await this.store.findOne(organizationOf(principal), id);
    if (task === null) throw new TaskNotFound();
    return task;
  }

  /** Changes fields of an unfinished task. Throws TaskChanged when `version` is given and not the current one. */
  async patch(principal: Principal, id: string, patch: TaskPatch, version: number | null): Promise<Task> {
    const before = await this.find(principal, id);
    const labels = patch.required_labels && [...new Set(patch.required_labels)];
    const laneId = labels && (await this.queue.laneFor({ ...before, required_labels: labels }));
    if (Object.keys(patch).length === 0) return before;
    return this.database.transaction(async () => {
      const { task } = await this.moves.lockWhole(organizationOf(principal), id);
      if (version !== null && version !== task.version) throw new TaskChanged(task.version);
      // What holds for the priority holds for every field.
      assertAllowed('set_priority', task.status);
      if (patch.metadata) this.checks.metadata(principal, task.agent_type, patch.metadata);
      // The count so far is a fact; a limit below it would make the record contradict itself.
      const { max_retries } = patch;
      const maxRetries = max_retries === undefined ? undefined : Math.max(max_retries, task.retry_count);
      const changed = await this.store.update(id, {
        ...patch,
        max_retries: maxRetries,
        required_labels: labels,
        lane_id: laneId,
      });
      if (changed.status === 'pending')
        await this.queue.reorder(changed, patch.run_at === undefined ? null : changed.run_at);
      await this.notices.tell('task.updated', [changed], principal.actor, { fields: Object.keys(patch) });
      return changed;
    });
  }

  /** Cancels at once what waits; asks the worker to end what runs (`cancel_requested_at`). */
  async cancel(principal: Principal, id: string, reason: string | null): Promise<Task> {
    await this.find(principal, id);
    return this.database.transaction(async () => {
      const { task, lease } = await this.moves.lockWhole(organizationOf(principal), id);
      assertAllowed('cancel', task.status);
      return lease === null
        ? this.moves.cancel(task, reason, principal.actor)
        : this.moves.requestCancel(task, lease, reason, principal.actor);
    });
  }

  /** Begins a task anew that has failed, was cancelled or passed over. */
  async retry(principal: Principal, id: string): Promise<Task> {
    await this.find(principal, id);
    return this.database.transaction(async () => {
      const { task } = await this.moves.lockWhole(organizationOf(principal), id);
      assertAllowed('retry', task.status);
      return this.moves.restart(task, principal.actor);
    });
  }

  /** Removes a task with its executions and logs. Refused while it runs, and while others depend on it. */
  async remove(principal: Principal, id: string): Promise<void> {
    await this.find(principal, id);
    await this.database.transaction(async () => {
      const { task } = await this.moves.lockWhole(organizationOf(principal), id);
      assertAllowed('delete', task.status, await this.dependencies.isNeeded(id));
      await this.store.remove(id);
      await this.notices.deleted(task, principal.actor);
      await this.queue.remove(task);
    });
  }

  findByIds(ids: readonly string[]): Promise<Task[]> {
    return this.store.findByIds(ids);
  }
}
