import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import type { Actor } from '../auth/principal.js';
import type { EventType } from '../events/event-types.js';
import { EventsService } from '../events/events.service.js';
import { HintsService } from '../events/hints.service.js';
import type { Task } from './task.entity.js';

/** Topic of hints that a task has changed. */
export const taskTopic = (taskId: string): string => `task:${taskId}`;

/** A task as it has become, by whom, and what else is to be said. */
export interface TaskChange {
  type: EventType;
  task: Task;
  actor: Actor;
  data: Record<string, unknown>;
}

/** Tells of changes of tasks: facts for the record, hints for those who wait. */
@Injectable()
export class TaskNotices {
  constructor(
    private readonly events: EventsService,
    private readonly hints: HintsService,
    private readonly audit: AuditService,
  ) {}

  /** Tells of tasks that have changed in the same way, in the transaction under way. */
  tell(type: EventType, tasks: readonly Task[], actor: Actor, data: Record<string, unknown> = {}): Promise<void> {
    return this.tellEach(tasks.map((task) => ({ type, task, actor, data })));
  }

  /** The same for tasks of which each has changed in its own way. */
  async tellEach(changes: readonly TaskChange[]): Promise<void> {
    if (changes.length === 0) return;
    await this.events.record(
      ...changes.map(({ type, task, actor, data }) => ({
        organization_id: task.organization_id,
        type,
        actor,
        subject: { task_id: task.id, ...(task.repository_id && { repository_id: task.repository_id }) },
        data: { status: task.status, ...data },
      })),
    );
    for (const { task } of changes) this.hints.send(taskTopic(task.id));
  }

  /** Tells of a task that is gone, also to the audit log. */
  async deleted(task: Task, actor: Actor): Promise<void> {
    const { id, organization_id, repository_id, name, status } = task;
    await this.tell('task.deleted', [task], actor, { name });
    await this.audit.record({
      organization_id,
      actor,
      action: 'task.deleted',
      subject: { task_id: id, ...(repository_id && { repository_id }) },
      data: { name, status },
    });
  }
}
