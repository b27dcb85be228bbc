import type { EventType } from '../events/event-types.js';
import type { LeaseRow } from '../queue/leases.service.js';
import { FAILURE_RULES, type FailureReason } from '../tasks/failure-reasons.js';
import { decideRetry } from '../tasks/task.retry.js';
import type { Task, TaskOutcome } from '../tasks/task-moves.service.js';
import type { BudgetState } from '../tasks/usage.js';
import type { Outcome } from './execution.states.js';

/** What is said of an attempt that is over. Usage and session are of its lease: they may have been told before. */
export interface AttemptReport {
  outcome: Outcome;
  result?: Record<string, unknown>;
  error_message?: string;
  failure_reason?: FailureReason;
  retryable?: boolean;
  retry_after_seconds?: number;
  exit_code?: number;
  base_sha?: string;
  branch?: string;
  commit_sha?: string;
  model?: string;
  pull_request_number?: number;
  quality_score?: number;
  /** How many log entries were sent; fewer stored ones are said to be missing. */
  log_entries?: number;
  /** How many lines its worker has left out of the log. */
  log_left_out?: number;
}

const USED_UP = 'The budget of the task is used up.';

/** What an attempt that a budget was to end is, whatever is said of it: failed by policy, unless its work was done. */
export function judge(report: AttemptReport, { cancel_reason }: Pick<LeaseRow, 'cancel_reason'>): AttemptReport {
  if (cancel_reason !== 'policy' || report.outcome === 'completed') return report;
  return {
    ...report,
    outcome: 'failed',
    failure_reason: 'policy',
    error_message: withLast(report.error_message),
    retryable: false,
  };
}

/**
 * Where an attempt leaves its task. An attempt that has succeeded counts even when somebody asked to cancel it, and
 * none follows where the budget is used up.
 */
export function outcomeFor(
  task: Task,
  report: AttemptReport,
  rules: { retry_base_seconds: number; budget: BudgetState },
  random = Math.random(),
): { outcome: Omit<TaskOutcome, 'usage'>; type: EventType } {
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
  const after =
    report.outcome === 'released' ? { ...blank, status: 'pending' as const } : retried(task, report, rules, random);
  if (after.status === 'failed') return { outcome: { ...blank, ...after }, type: 'task.failed' };
  if (rules.budget === 'spent' || rules.budget === 'exceeded')
    return {
      outcome: { ...blank, status: 'failed', failure_reason: 'policy', error_message: withLast(report.error_message) },
      type: 'task.failed',
    };
  return { outcome: { ...blank, ...after }, type: 'task.retried' };
}

function retried(
  task: Task,
  report: AttemptReport,
  { retry_base_seconds }: { retry_base_seconds: number },
  random: number,
): Pick<TaskOutcome, 'status' | 'error_message' | 'failure_reason' | 'retry_count' | 'delay_seconds'> {
  const reason = report.failure_reason ?? 'unknown';
  const { retry_count, max_retries, attempts } = task;
  const decision = decideRetry({ ...report, reason, retry_count, max_retries, attempts }, retry_base_seconds, random);
  return {
    status: decision.retry ? 'pending' : 'failed',
    error_message: report.error_message ?? FAILURE_RULES[reason].hint,
    failure_reason: reason,
    retry_count: decision.retry_count,
    delay_seconds: decision.delay_seconds,
  };
}

/** That the budget is used up, and what the last attempt said beside it. */
const withLast = (message: string | undefined): string => (message ? `${USED_UP} ${message}` : USED_UP);
