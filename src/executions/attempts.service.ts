import { Injectable } from '@nestjs/common';
import type { Actor } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import type { EventType } from '../events/event-types.js';
import { EventsService } from '../events/events.service.js';
import { type LeaseRow, LeasesService } from '../queue/leases.service.js';
import { FAILURE_RULES, type FailureReason } from '../tasks/failure-reasons.js';
import type { Task, TaskOutcome } from '../tasks/task-moves.service.js';
import { TaskMovesService } from '../tasks/task-moves.service.js';
import { decideRetry } from '../tasks/task.retry.js';
import type { Outcome } from './execution.states.js';
import { ExecutionsStore } from './executions.store.js';

/** What is said of an attempt that is over. */
export interface AttemptReport {
  outcome: Outcome;
  result?: Record<string, unknown>;
  error_message?: string;
  failure_reason?: FailureReason;
  retryable?: boolean;
  retry_after_seconds?: number;
  exit_code?: number;
  base_sha?: string;
  commit_sha?: string;
  /** How many log entries were sent; fewer stored ones are said to be missing. */
  log_entries?: number;
}

/** The one way an attempt ends, whoever ends it: its worker, the sweep, or a worker that takes over the name. */
@Injectable()
export class AttemptsService {
  constructor(
    private readonly executions: ExecutionsStore,
    private readonly leases: LeasesService,
    private readonly tasks: TaskMovesService,
    private readonly events: EventsService,
    private readonly config: QueueConfig,
  ) {}

  /** Ends an attempt whose lease is locked, in the transaction under way. Gives the task as it is then. */
  async end(lease: LeaseRow, report: AttemptReport, actor: Actor, byWorker: boolean): Promise<Task> {
    const task = await this.tasks.lockForOutcome(lease.task_id);
    const failed = report.outcome === 'failed';
    const reason = failed ? (report.failure_reason ?? 'unknown') : null;
    await this.executions.end(lease.execution_id, {
      status: report.outcome,
      failure_reason: reason,
      error_message: report.error_message ?? (reason && FAILURE_RULES[reason].hint),
      progress: report.outcome === 'completed' ? 100 : lease.progress,
      // What it was at last says nothing of an attempt that is done.
      progress_message: report.outcome === 'completed' ? null : lease.progress_message,
      exit_code: report.exit_code ?? null,
      base_sha: report.base_sha ?? null,
      commit_sha: report.commit_sha ?? null,
      log_entries: lease.log_entries,
      log_incomplete: (report.log_entries ?? 0) > lease.log_entries,
      result: report.result ?? null,
      finished_by_worker: byWorker,
    });
    await this.leases.end(lease, report.outcome);
    await this.events.record({
      organization_id: task.organization_id,
      type: 'execution.finished',
      actor,
      subject: {
        task_id: task.id,
        execution_id: lease.execution_id,
        ...(lease.worker_id !== null && { worker_id: lease.worker_id }),
      },
      data: { status: report.outcome, failure_reason: reason },
    });
    // A task that has gone on without this attempt keeps what it is; the attempt ends all the same.
    if (task.status !== 'running' || task.current_execution_id !== lease.execution_id) return task;
    const { outcome, type } = outcomeFor(task, { ...report, failure_reason: reason ?? undefined }, this.config);
    return this.tasks.applyOutcome(task, outcome, actor, type);
  }
}

/** Where an attempt leaves its task. An attempt that has succeeded counts even when somebody asked to cancel it. */
export function outcomeFor(
  task: Task,
  report: AttemptReport,
  config: Pick<QueueConfig, 'retry_base_seconds'>,
  random = Math.random(),
): { outcome: TaskOutcome; type: EventType } {
  const blank = {
    retry_count: task.retry_count,
    result: report.result ?? null,
    error_message: report.error_message ?? null,
    failure_reason: null,
    delay_seconds: 0,
  };
  if (report.outcome === 'completed')
    return { outcome: { ...blank, status: 'completed', error_message: null }, type: 'task.completed' };
  if (report.outcome === 'cancelled' || task.cancel_requested_at !== null)
    return {
      outcome: { ...blank, status: 'cancelled', error_message: task.error_message ?? blank.error_message },
      type: 'task.cancelled',
    };
  if (report.outcome === 'released') return { outcome: { ...blank, status: 'pending' }, type: 'task.retried' };
  const reason = report.failure_reason ?? 'unknown';
  const { retry_count, max_retries, attempts } = task;
  const decision = decideRetry(
    { ...report, reason, retry_count, max_retries, attempts },
    config.retry_base_seconds,
    random,
  );
  return {
    outcome: {
      ...blank,
      status: decision.retry ? 'pending' : 'failed',
      error_message: report.error_message ?? FAILURE_RULES[reason].hint,
      failure_reason: reason,
      retry_count: decision.retry_count,
      delay_seconds: decision.delay_seconds,
    },
    type: decision.retry ? 'task.retried' : 'task.failed',
  };
}
