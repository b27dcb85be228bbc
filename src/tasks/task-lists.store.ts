import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import type { Task } from './task.entity.js';
import type { TaskStatus } from './task.states.js';
import type { TaskFilterInput } from './tasks.input.js';

/** Where a page in the order of the queue ended. */
export interface QueuePosition extends Position {
  priority: string;
}

/** A row with the time that its cursor carries. */
export type Listed<Row> = Row & { cursor_at: string };

/** A task that an action may be meant for. */
export interface Candidate {
  id: string;
  status: TaskStatus;
  /** Whether its attempts may use nothing any more. */
  is_spent: boolean;
  /** Whether it runs outside of the fleet, so that a cancellation ends it at once. */
  is_unattended: boolean;
}

const FILTER = `organization_id = $1
  and ($2::text[] is null or status = any ($2))
  and ($3::text is null or priority = $3)
  and ($4::uuid is null or repository_id = $4)
  and ($5::text is null or agent_type = $5)
  and ($6::integer is null or issue_number = $6)
  and ($7::uuid is null or worker_id = $7 and id = any (array(select task_id from agent_executions where worker_id = $7)))
  and ($8::timestamptz is null or created_at > $8)
  and ($9::timestamptz is null or created_at < $9)
  and ($10::text is null or name ilike $10 or description ilike $10)`;

const parametersOf = (organizationId: string, filter: TaskFilterInput): unknown[] => [
  organizationId,
  filter.status ?? null,
  filter.priority ?? null,
  filter.repository_id ?? null,
  filter.agent_type ?? null,
  filter.issue_number ?? null,
  filter.worker_id ?? null,
  filter.created_after ?? null,
  filter.created_before ?? null,
  filter.q === undefined ? null : `%${filter.q.replace(/[\\%_]/g, '\\$&')}%`,
];

/** Tasks of an organization by what they are; each list is given one more than its limit, to tell whether there are more. */
@Injectable()
export class TaskListsStore {
  constructor(private readonly database: Database) {}

  /** Newest first. */
  findPage(
    organizationId: string,
    filter: TaskFilterInput,
    before: Position | null,
    limit: number,
  ): Promise<Listed<Task>[]> {
    return this.database.query<Listed<Task>>(
      `select *, ${cursorTime('created_at')} as cursor_at from tasks
       where ${FILTER} and ($11::timestamptz is null or (created_at, id) < ($11, $12::uuid))
       order by created_at desc, id desc limit $13`,
      [...parametersOf(organizationId, filter), before?.at ?? null, before?.id ?? null, limit + 1],
    );
  }

  /** Pending tasks in the order in which they are served. */
  findQueuePage(
    organizationId: string,
    filter: TaskFilterInput,
    after: QueuePosition | null,
    limit: number,
  ): Promise<Listed<Task>[]> {
    return this.database.query<Listed<Task>>(
      `select *, ${cursorTime('run_at')} as cursor_at from tasks
       where ${FILTER} and status = 'pending'
         and ($11::text is null or (priority, run_at, id) > ($11, $12::timestamptz, $13::uuid))
       order by priority, run_at, id limit $14`,
      [
        ...parametersOf(organizationId, filter),
        after?.priority ?? null,
        after?.at ?? null,
        after?.id ?? null,
        limit + 1,
      ],
    );
  }

  /** Oldest first; with `ids` only those among them. */
  findCandidates(
    organizationId: string,
    { ids, ...filter }: TaskFilterInput & { ids?: readonly string[] },
    after: Position | null,
    limit: number,
  ): Promise<Listed<Candidate>[]> {
    return this.database.query<Listed<Candidate>>(
      `select id, status, coalesce(budget_state(usage, max_cost_usd, max_tokens) in ('spent', 'exceeded'), false) as is_spent,
              status = 'running' and worker_id is null as is_unattended, ${cursorTime('created_at')} as cursor_at
       from tasks
       where ${FILTER} and ($11::uuid[] is null or id = any ($11))
         and ($12::timestamptz is null or (created_at, id) > ($12, $13::uuid))
       order by created_at, id limit $14`,
      [...parametersOf(organizationId, filter), ids ?? null, after?.at ?? null, after?.id ?? null, limit + 1],
    );
  }
}
