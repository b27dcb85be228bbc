import { Injectable } from '@nestjs/common';
import { MissingPermission } from '../auth/auth.errors.js';
import { organizationOf, type Principal } from '../auth/principal.js';
import { DomainError, InvalidInput } from '../domain-error.js';
import { readCursor, toCursor } from '../http/page.js';
import { DependenciesStore } from './dependencies.store.js';
import { TaskListsStore } from './task-lists.store.js';
import { Rehearsal } from './task-rehearsal.js';
import type { TaskAction } from './task.rules.js';
import type { Priority } from './task.states.js';
import type { TaskFilterInput } from './tasks.input.js';
import { TasksService } from './tasks.service.js';

const MOST_TASKS = 1000;
/** Less than what a request may take; the rest is for another one. */
const PATIENCE_MS = 3000;

/** What is wished of many tasks. */
export interface ActionInput {
  action: TaskAction;
  filter?: TaskFilterInput;
  ids?: string[];
  priority?: Priority;
  reason?: string;
  dry_run?: boolean;
  cursor?: string;
}

/** What became of it. */
export interface ActionReceipt {
  matched: number;
  changed: number;
  refused: { id: string; code: string }[];
  more: boolean;
  next_cursor: string | null;
}

/** The same wish for many tasks, each of which is changed or refused by itself. */
@Injectable()
export class TaskActions {
  constructor(
    private readonly tasks: TasksService,
    private readonly lists: TaskListsStore,
    private readonly dependencies: DependenciesStore,
  ) {}

  /**
   * Acts on the tasks named or found, oldest first, each in its own transaction; at most a thousand of them, and no
   * longer than a request may take. With `dry_run` the answer is the same and nothing changes.
   */
  async act(principal: Principal, input: ActionInput): Promise<ActionReceipt> {
    const { action, dry_run, cursor } = input;
    assertWhole(input);
    if (action === 'delete' && !principal.permissions.has('tasks.delete')) throw new MissingPermission('tasks.delete');
    const until = Date.now() + PATIENCE_MS;
    const filter = { ...input.filter, ...(input.ids && { ids: input.ids }) };
    const found = await this.lists.findCandidates(organizationOf(principal), filter, readCursor(cursor), MOST_TASKS);
    const tasks = found.slice(0, MOST_TASKS);
    const ids = tasks.map(({ id }) => id);
    const rehearsal = dry_run ? new Rehearsal(tasks, await this.dependencies.findEdgesTo(ids)) : null;
    // Told once, with the first answer.
    const lost = cursor === undefined ? (input.ids ?? []).filter((id) => !ids.includes(id)) : [];
    const refused = lost.map((id) => ({ id, code: 'task/not-found' }));
    let done = 0;
    for (; done < tasks.length && Date.now() < until; done += 1) {
      const id = ids[done] ?? '';
      const code = rehearsal === null ? await this.attempt(principal, id, input) : rehearsal.attempt(action, id);
      if (code !== null) refused.push({ id, code });
    }
    const last = done < found.length ? tasks[done - 1] : undefined;
    return {
      matched: done + lost.length,
      changed: done + lost.length - refused.length,
      refused,
      more: last !== undefined,
      next_cursor: last === undefined ? null : toCursor([last.cursor_at, last.id]),
    };
  }

  /** Code of the refusal; null when the task was changed. */
  private async attempt(principal: Principal, id: string, input: ActionInput): Promise<string | null> {
    try {
      await this.perform(principal, id, input);
      return null;
    } catch (error) {
      const isRefusal = error instanceof DomainError && (error.kind === 'conflict' || error.kind === 'missing');
      if (!isRefusal) throw error;
      return error.code;
    }
  }

  private perform(principal: Principal, id: string, { action, reason, priority }: ActionInput): Promise<unknown> {
    switch (action) {
      case 'cancel':
        return this.tasks.cancel(principal, id, reason ?? null);
      case 'retry':
        return this.tasks.retry(principal, id);
      case 'set_priority':
        return this.tasks.patch(principal, id, { ...(priority && { priority }) }, null);
      case 'delete':
        return this.tasks.remove(principal, id);
    }
  }
}

function assertWhole({ action, filter, ids, priority, reason }: ActionInput): void {
  const refuse = (field: string, message: string): never => {
    throw new InvalidInput('The request has a fault.', [{ field, message: `${field} ${message}` }]);
  };
  if ((filter === undefined) === (ids === undefined)) refuse('ids', 'or filter must be given, and not both');
  if ((action === 'set_priority') !== (priority !== undefined))
    refuse('priority', 'must be given for set_priority, and for nothing else');
  if (action !== 'cancel' && reason !== undefined) refuse('reason', 'is for cancel alone');
}
