import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { EventsService } from '../events/events.service.js';
import { brokenCursor, cursorParts, pageBy, type Page, type PageQuery } from '../http/page.js';
import { TasksService } from './tasks.service.js';

type EventRow = Awaited<ReturnType<EventsService['findAfter']>>[number];

const CURSOR = 'events';

/** What has happened to a task. */
@Injectable()
export class TaskHistory {
  constructor(
    private readonly tasks: TasksService,
    private readonly events: EventsService,
  ) {}

  /** Its events, oldest first. Throws TaskNotFound, or InvalidInput for a broken cursor. */
  async list<T>(
    principal: Principal,
    id: string,
    { cursor, limit }: PageQuery,
    present: (event: EventRow) => T,
  ): Promise<Page<T>> {
    await this.tasks.find(principal, id);
    const filter = { organization_id: organizationOf(principal), types: null, task_id: id };
    const rows = await this.events.findAfter({ ...filter, after: readCursor(cursor), limit: limit + 1 });
    return pageBy(rows, limit, present, ({ position }) => [CURSOR, position]);
  }
}

function readCursor(cursor: string | undefined): string {
  if (cursor === undefined) return '0';
  const [list, position] = cursorParts(cursor);
  if (list === CURSOR && typeof position === 'string' && /^\d{1,18}$/.test(position)) return position;
  throw brokenCursor();
}
