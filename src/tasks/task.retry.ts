import { FAILURE_RULES, type FailureReason } from './failure-reasons.js';

const LONGEST_BACKOFF_SECONDS = 3600;
const RATE_LIMIT_SECONDS = 60;
const LONGEST_RATE_LIMIT_SECONDS = 900;

/** What is known of an attempt that ended without success. */
export interface FailedAttempt {
  reason: FailureReason;
  /** What the worker says; absent leaves it to the reason. */
  retryable?: boolean;
  /** The earliest time the worker asks for, in seconds from now. */
  retry_after_seconds?: number;
  retry_count: number;
  max_retries: number;
  /** Attempts so far, this one included. */
  attempts: number;
}

export interface RetryDecision {
  retry: boolean;
  retry_count: number;
  /** Seconds until the next attempt may begin. */
  delay_seconds: number;
}

/**
 * Whether a task gets another attempt. Backoff doubles from `baseSeconds` up to an hour with full jitter
 * (`random` in [0, 1)); what is nobody's fault does not count against `max_retries`.
 */
export function decideRetry(attempt: FailedAttempt, baseSeconds: number, random: number): RetryDecision {
  const { reason, retry_count, max_retries } = attempt;
  const rule = FAILURE_RULES[reason];
  const asked = attempt.retry_after_seconds ?? 0;
  const wanted = attempt.retryable ?? rule.retryable;
  if (!wanted) return { retry: false, retry_count, delay_seconds: 0 };
  if (!rule.counts) {
    const uncounted = Math.max(0, attempt.attempts - retry_count - 1);
    const pause = Math.min(LONGEST_RATE_LIMIT_SECONDS, RATE_LIMIT_SECONDS * 2 ** uncounted);
    return { retry: true, retry_count, delay_seconds: asked > 0 ? asked : pause };
  }
  if (retry_count >= max_retries) return { retry: false, retry_count, delay_seconds: 0 };
  const count = retry_count + 1;
  // A lost worker says nothing about the task: the first time there is nothing to wait for.
  const free = reason === 'worker_lost' && retry_count === 0;
  const backoff = free ? 0 : Math.min(LONGEST_BACKOFF_SECONDS, baseSeconds * 2 ** (count - 1)) * random;
  return { retry: true, retry_count: count, delay_seconds: Math.max(asked, backoff) };
}
