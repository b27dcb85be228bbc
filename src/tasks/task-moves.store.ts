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

  /** Locks the task of an attempt that used so much, and tells how far that uses its budget up. */
  lockWithBudget(id: string, usage: Usage | null): Promise<(Task & { budget: BudgetState }) | null> {
    return this.database.one<Task & { budget: BudgetState }>(
      `select *, budget_state(usage_sum(usage, $2::jsonb), max_cost_usd, max_tokens) as budget
       from tasks where id = $1 for update`,
      [id, usage],
    );
  }

  /** Writes how an attempt ended. A task that goes back to the queue keeps nothing of the worker. */
  applyOutcome(id: string, outcome: TaskOutcome): Promise<Task> {
    return this.changed(
      `update tasks set status = $2, retry_count = $3, result = $4, error_message = $5, failure_reason = $6,
         run_at = case when $2 = 'pending' then now() + make_interval(secs => $7) else run_at end,
         completed_at = case when $2 = 'pending' then null else now() end,
         cancel_requested_at = case when $2 = 'pending' then null else cancel_requested_at end,
         worker_id = case when $2 = 'pending' then null else worker_id end,
         current_execution_id = case when $2 = 'pending' then null else current_execution_id end,
         usage = usage_sum(usage, $8::jsonb), version = version + 1, updated_at = now()
       where id = $1 returning *`,
      [
        id,
        outcome.status,
        outcome.retry_count,
        outcome.result,
        outcome.error_message,
        outcome.failure_reason,
        outcome.delay_seconds,
        outcome.usage,
      ],
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
