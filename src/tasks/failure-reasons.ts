/** Why an attempt ended without success: what to tell people, and what to do next. */
export interface FailureRule {
  hint: string;
  /** Whether another attempt may help, unless the worker says otherwise. */
  retryable: boolean;
  /** Whether the attempt counts against `max_retries`. */
  counts: boolean;
}

export const FAILURE_RULES = {
  agent_error: { hint: 'The agent ended with an error; its last lines say which.', retryable: true, counts: true },
  agent_missing: { hint: 'The worker could not start the agent: install its command.', retryable: true, counts: true },
  auth: { hint: 'The agent is not signed in on that worker, or its key was refused.', retryable: false, counts: true },
  quota: { hint: 'The account of the agent has used up its quota.', retryable: true, counts: false },
  rate_limited: { hint: 'The provider asked to come back later.', retryable: true, counts: false },
  context_overflow: {
    hint: 'The work does not fit into the context of the model: split it.',
    retryable: false,
    counts: true,
  },
  timeout: { hint: 'The attempt reached its time limit.', retryable: true, counts: true },
  stalled: { hint: 'The agent said nothing for too long and was ended.', retryable: true, counts: true },
  worker_lost: { hint: 'The worker did not answer any more.', retryable: true, counts: true },
  worktree: { hint: 'The isolated checkout could not be made.', retryable: true, counts: true },
  merge_conflict: {
    hint: 'Branches the task builds upon contradict each other: merge them by hand.',
    retryable: false,
    counts: true,
  },
  git: { hint: 'A git command failed.', retryable: true, counts: true },
  network: { hint: 'The network failed.', retryable: true, counts: true },
  disk_full: { hint: 'The disk of the worker is full: free some space.', retryable: true, counts: false },
  policy: { hint: 'A rule of this organization ended the attempt.', retryable: false, counts: true },
  unknown: { hint: 'The worker gave no reason that this server knows.', retryable: true, counts: true },
} as const satisfies Record<string, FailureRule>;

export type FailureReason = keyof typeof FAILURE_RULES;

export const FAILURE_REASONS = Object.keys(FAILURE_RULES) as FailureReason[];

/** The reason a worker names; one that a newer worker knows and this server does not is `unknown`. */
export const readFailureReason = (reason: string | undefined): FailureReason =>
  FAILURE_REASONS.find((known) => known === reason) ?? 'unknown';
