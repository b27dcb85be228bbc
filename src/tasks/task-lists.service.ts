import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import {
  brokenCursor,
  cursorParts,
  isCursorId,
  isCursorTime,
  pageBy,
  readCursor,
  toPage,
  type Page,
} from '../http/page.js';
import { type QueuePosition, TaskListsStore } from './task-lists.store.js';
import { PRIORITIES } from './task.states.js';
import type { TaskListInput } from './tasks.input.js';
import type { Task } from './tasks.service.js';

/** Lists of tasks. A cursor belongs to the order it was given out in. */
@Injectable()
export class TaskLists {
  constructor(private readonly store: TaskListsStore) {}

  /** Newest first, or pending ones in the order in which they are served. Throws InvalidInput for a broken cursor. */
  async list<T>(principal: Principal, input: TaskListInput, present: (task: Task) => T): Promise<Page<T>> {
    const { order, cursor, limit, ...filter } = input;
    const organizationId = organizationOf(principal);
    if (order !== 'queue') {
      const rows = await this.store.findPage(organizationId, filter, readCursor(cursor), limit);
      return toPage(rows, limit, present);
    }
    const rows = await this.store.findQueuePage(organizationId, filter, readQueueCursor(cursor), limit);
    return pageBy(rows, limit, present, ({ priority, cursor_at, id }) => [priority, cursor_at, id]);
  }
}

function readQueueCursor(cursor: string | undefined): QueuePosition | null {
  if (cursor === undefined) return null;
  const [first, at, id] = cursorParts(cursor);
  const priority = PRIORITIES.find((known) => known === first);
  if (priority !== undefined && isCursorTime(at) && isCursorId(id)) return { priority, at, id };
  throw brokenCursor();
}
