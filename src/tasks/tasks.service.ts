import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { organizationOf, type Actor, type Principal } from '../auth/principal.js';
import { RunAgain } from '../database/database.errors.js';
import { Database } from '../database/database.js';
import type { EventType } from '../events/event-types.js';
import { EventsService } from '../events/events.service.js';
import { readCursor, toPage, type Page } from '../http/page.js';
import { newId } from '../ids.js';
import { LeasesService, type LeaseRow } from '../queue/leases.service.js';
import { QueueService } from '../queue/queue.service.js';
import type { Task } from './task.entity.js';
import { TaskChecks } from './task-checks.service.js';
import { TaskChanged, TaskNotFound, TaskStateConflict } from './task.errors.js';
import { checkTaskMoves, isFinal, mayMove } from './task.states.js';
import type { TaskInput, TaskListInput, TaskPatch } from './tasks.input.js';
import { TasksStore, type TaskOutcome } from './tasks.store.js';

export type { Task, TaskOutcome };

/** What is to be done, and every change of it that people ask for. */
@Injectable()
export class TasksService {
  constructor(
    private readonly store: TasksStore,
    private readonly queue: QueueService,
    private readonly leases: LeasesService,
    private readonly events: EventsService,
    private readonly checks: TaskChecks,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {
    checkTaskMoves();
  }

  async create(principal: Principal, input: TaskInput): Promise<Task> {
    const organizationId = organizationOf(principal);
    const usual = input.repository_id && (await this.checks.repository(organizationId, input.repository_id));
    const agentType = input.agent_type ?? (usual || 'codegen');
    await this.checks.agent(principal, agentType, input.metadata ?? {});
    const labels = [...new Set(input.required_labels ?? [])];
    const key = { organization_id: organizationId, repository_id: input.repository_id ?? null, agent_type: agentType };
    const laneId = await this.queue.laneFor({ ...key, required_labels: labels });
    return this.database.transaction(async () => {
      const task = await this.store.insert({
        ...key,
        id: newId(),
        actor: principal.actor,
        name: input.name,
        description: input.description ?? null,
        status: 'pending',
        priority: input.priority ?? 'P2',
        issue_number: input.issue_number ?? null,
        required_labels: labels,
        base_ref: input.base_ref ?? null,
        run_at: input.run_at ?? null,
        max_retries: input.max_retries ?? 3,
        timeout_seconds: input.timeout_seconds ?? 3600,
        metadata: input.metadata ?? {},
        lane_id: laneId,
      });
      await this.queue.enqueue(task, task.run_at);
      await this.tell('task.created', task, principal.actor);
      return task;
    });
  }

  async find(principal: Principal, id: string): Promise<Task> {
    const task = await this.store.findOne(organizationOf(principal), id);
    if (task === null) throw new TaskNotFound();
    return task;
  }

  async list<T>(principal: Principal, input: TaskListInput, present: (task: Task) => T): Promise<Page<T>> {
    const rows = await this.store.findPage({
      organization_id: organizationOf(principal),
      status: input.status ?? null,
      priority: input.priority ?? null,
      repository_id: input.repository_id ?? null,
      agent_type: input.agent_type ?? null,
      issue_number: input.issue_number ?? null,
      worker_id: input.worker_id ?? null,
      created_after: input.created_after ?? null,
      created_before: input.created_before ?? null,
      q: input.q ?? null,
      before: readCursor(input.cursor),
      limit: input.limit,
    });
    return toPage(rows, input.limit, present);
  }

  /** Changes fields of an unfinished task. Throws TaskChanged when `version` is given and not the current one. */
  async patch(principal: Principal, id: string, patch: TaskPatch, version: number | null): Promise<Task> {
    const before = await this.find(principal, id);
    const labels = patch.required_labels && [...new Set(patch.required_labels)];
    const laneId = labels && (await this.queue.laneFor({ ...before, required_labels: labels }));
    if (Object.keys(patch).length === 0) return before;
    return this.database.transaction(async () => {
      const { task } = await this.lockWhole(principal, id);
      if (version !== null && version !== task.version) throw new TaskChanged(task.version);
      if (isFinal(task.status))
        throw new TaskStateConflict('task/not-editable', task.status, `The task is ${task.status} and stays as it is.`);
      if (patch.metadata) await this.checks.agent(principal, task.agent_type, patch.metadata);
      // The count so far is a fact; a limit below it would make the record contradict itself.
      const { max_retries } = patch;
      const maxRetries = max_retries === undefined ? undefined : Math.max(max_retries, task.retry_count);
      const changed = await this.store.update(id, {
        ...patch,
        max_retries: maxRetries,
        required_labels: labels,
        lane_id: laneId,
      });
      await this.queue.reorder(changed, patch.run_at === undefined ? null : changed.run_at);
      await this.tell('task.updated', changed, principal.actor, { fields: Object.keys(patch) });
      return changed;
    });
  }

  /** Cancels at once what waits; asks the worker to end what runs (`cancel_requested_at`). */
  async cancel(principal: Principal, id: string, reason: string | null): Promise<Task> {
    await this.find(principal, id);
    return this.database.transaction(async () => {
      const { task, lease } = await this.lockWhole(principal, id);
      if (lease !== null) {
        await this.leases.requestCancel(lease);
        return this.store.requestCancel(id, reason);
      }
      if (!mayMove(task.status, 'cancelled'))
        throw new TaskStateConflict('task/final', task.status, `The task is ${task.status} already.`);
      await this.queue.remove(id);
      const cancelled = await this.store.cancel(id, reason);
      await this.tell('task.cancelled', cancelled, principal.actor, { reason });
      return cancelled;
    });
  }

  /** Removes a task with its executions and logs. Refused while it runs. */
  async remove(principal: Principal, id: string): Promise<void> {
    await this.find(principal, id);
    await this.database.transaction(async () => {
      const { task } = await this.lockWhole(principal, id);
      if (task.status === 'running')
        throw new TaskStateConflict('task/running', task.status, 'The task is running. Cancel it first.');
      await this.queue.remove(id);
      await this.store.remove(id);
      await this.tell('task.deleted', task, principal.actor, { name: task.name });
      await this.audit.record({
        organization_id: task.organization_id,
        actor: principal.actor,
        action: 'task.deleted',
        subject: { task_id: id, ...(task.repository_id && { repository_id: task.repository_id }) },
        data: { name: task.name, status: task.status },
      });
    });
  }

  /** Locks the task of an attempt whose lease is locked already. */
  async lockForOutcome(id: string): Promise<Task> {
    const task = await this.store.lock(id);
    if (task === null) throw new TaskNotFound();
    return task;
  }

  /** Moves a locked, running task to where its attempt leaves it. */
  async applyOutcome(task: Task, outcome: TaskOutcome, actor: Actor, type: EventType): Promise<Task> {
    if (!mayMove(task.status, outcome.status)) throw new Error(`no move from ${task.status} to ${outcome.status}`);
    const changed = await this.store.applyOutcome(task.id, outcome);
    if (changed.status === 'pending') await this.queue.enqueue(changed, changed.run_at);
    const { failure_reason, retry_count } = changed;
    await this.tell(type, changed, actor, { failure_reason, retry_count, execution_id: task.current_execution_id });
    return changed;
  }

  findByIds(ids: readonly string[]): Promise<Task[]> {
    return this.store.findByIds(ids);
  }

  /**
   * Locks a task and what stands before it in the order that everybody keeps: queue row, lease, task. When it has
   * moved on between the looks, one of them is missing, and the transaction is run again.
   */
  private async lockWhole(principal: Principal, id: string): Promise<{ task: Task; lease: LeaseRow | null }> {
    const queued = await this.queue.lock(id);
    const lease = await this.leases.lockByTask(id);
    const task = await this.store.lock(id, organizationOf(principal));
    if (task === null) throw new TaskNotFound();
    if ((task.status === 'pending') !== queued || (task.status === 'running') !== (lease !== null))
      throw new RunAgain();
    return { task, lease };
  }

  private tell(type: EventType, task: Task, actor: Actor, data: Record<string, unknown> = {}): Promise<void> {
    const subject = { task_id: task.id, ...(task.repository_id && { repository_id: task.repository_id }) };
    return this.events.record({
      organization_id: task.organization_id,
      type,
      actor,
      subject,
      data: { status: task.status, ...data },
    });
  }
}
