import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { FailureReason } from './failure-reasons.js';
import type { Task } from './task.entity.js';
import type { TaskStatus } from './task.states.js';
import type { BudgetState, Usage } from './usage.js';

/** How an attempt leaves its task. */
export interface TaskOutcome {
  status: TaskStatus;
  retry_count: number;
  result: Record<string, unknown> | null;
  error_message: string | null;
  failure_reason: FailureReason | null;
  /** Seconds from now, for one that goes back to the queue. */
  delay_seconds: number;
  /** What the attempt used, to be added; null when nobody has told. */
  usage: Usage | null;
}

/** What an attempt at a task used; null when nobody has told. */
export interface AttemptUsage {
  task_id: string;
  usage: Usage | null;
}

/** Every statement that changes the status of tasks, but for the claim. The tasks are locked before. */
@Injectable()
export class TaskMovesStore {
  constructor(private readonly database: Database) {}

  /** Locks a task until the transaction ends. Its queue row and its lease are to be locked before it. */
  lock(id: string, organizationId: string | null = null): Promise<Task | null> {
    return this.database.one<Task>(
      'select * from tasks where id = $1 and ($2::uuid is null or organization_id = $2) for update',
      [id, organizationId],
    );
  }

  /** Locks the tasks of attempts that used so much, and tells how far that uses their budgets up. */
  lockWithBudgets(attempts: readonly AttemptUsage[]): Promise<(Task & { budget: BudgetState })[]> {
    return this.database.query<Task & { budget: BudgetState }>(
      `select t.*, budget_state(usage_sum(t.usage, said.usage), t.max_cost_usd, t.max_tokens) as budget
       from (select * from jsonb_to_recordset($1::jsonb) as one (task_id uuid, usage jsonb) limit $2) said join tasks t on t.id = said.task_id
       order by t.id for update of t`,
      [JSON.stringify(attempts), attempts.length],
    );
  }

  /** Writes how attempts ended. A task that goes back to the queue keeps nothing of the worker. */
  applyOutcomes(outcomes: readonly (TaskOutcome & { id: string })[]): Promise<Task[]> {
    return this.database.query<Task>(
      `update tasks t set status = o.status, retry_count = o.retry_count, result = o.result,
         error_message = o.error_message, failure_reason = o.failure_reason,
         run_at = case when o.status = 'pending' then now() + make_interval(secs => o.delay_seconds) else t.run_at end,
         completed_at = case when o.status = 'pending' then null else now() end,
         cancel_requested_at = case when o.status = 'pending' then null else t.cancel_requested_at end,
         worker_id = case when o.status = 'pending' then null else t.worker_id end,
         current_execution_id = case when o.status = 'pending' then null else t.current_execution_id end,
         usage = usage_sum(t.usage, o.usage), version = t.version + 1, updated_at = now()
       from (select * from jsonb_to_recordset($1::jsonb) as one (id uuid, status text, retry_count integer,
         result jsonb, error_message text, failure_reason text, delay_seconds double precision, usage jsonb) limit $2) o
       where t.id = o.id returning t.*`,
      [JSON.stringify(outcomes), outcomes.length],
    );
  }

  cancel(id: string, reason: string | null): Promise<Task> {
    return this.changed(
      `update tasks set status = 'cancelled', error_message = $2, completed_at = now(), cancel_requested_at = now(),
         version = version + 1, updated_at = now() where id = $1 returning *`,
      [id, reason],
    );
  }

  requestCancel(id: string, reason: string | null): Promise<Task> {
    return this.changed(
      `update tasks set cancel_requested_at = coalesce(cancel_requested_at, now()),
         error_message = coalesce($2, error_message), version = version + 1, updated_at = now()
       where id = $1 returning *`,
      [id, reason],
    );
  }

  /** Begins a task anew by somebody's wish: its retries count from zero, and nothing of its end stays. */
  restart(id: string, status: 'pending' | 'blocked'): Promise<Task> {
    return this.changed(
      `update tasks set status = $2, retry_count = 0, result = null, error_message = null, failure_reason = null,
         run_at = now(), completed_at = null, cancel_requested_at = null, worker_id = null,
         current_execution_id = null, version = version + 1, updated_at = now()
       where id = $1 returning *`,
      [id, status],
    );
  }

  /** Gives tasks another status that they have because of others: to wait, to be queued, to be passed over. */
  moveAll(ids: readonly string[], status: 'blocked' | 'pending' | 'skipped'): Promise<Task[]> {
    return this.database.query<Task>(
      `update tasks set status = $2, run_at = greatest(run_at, now()),
         completed_at = case when $2 = 'skipped' then now() end,
         error_message = case when $2 = 'skipped' then 'A task it depends on ended without success.'
                              when status = 'skipped' then null else error_message end,
         version = version + 1, updated_at = now()
       where id = any ($1::uuid[]) returning *`,
      [ids, status],
    );
  }

  /** Marks a task as running outside of the fleet. */
  startUnattended(id: string, executionId: string): Promise<Task> {
    return this.changed(
      `update tasks set status = 'running', attempts = attempts + 1, worker_id = null, current_execution_id = $2,
         started_at = now(), completed_at = null, error_message = null, failure_reason = null, result = null,
         version = version + 1, updated_at = now()
       where id = $1 returning *`,
      [id, executionId],
    );
  }

  private async changed(sql: string, parameters: readonly unknown[]): Promise<Task> {
    const row = await this.database.one<Task>(sql, parameters);
    if (row === null) throw new Error('a locked task was not there to be changed');
    return row;
  }
}
