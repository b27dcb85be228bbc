/** What an execution can be; all but `running` are final. */
export const EXECUTION_STATES = ['running', 'completed', 'failed', 'cancelled', 'released'] as const;

export type ExecutionStatus = (typeof EXECUTION_STATES)[number];

/** How a worker may end one. `released` hands the task back without blame. */
export const OUTCOMES = ['completed', 'failed', 'cancelled', 'released'] as const;

export type Outcome = (typeof OUTCOMES)[number];
