import type { ExecutionStatus } from './execution.states.js';

/** Which executions to list. */
export interface ExecutionListInput {
  status?: ExecutionStatus[];
  task_id?: string;
  agent_type?: string;
  worker_id?: string;
  repository_id?: string;
  cursor?: string;
  limit: number;
}

/** Which log entries to read. */
export interface LogsInput {
  after: number;
  tail?: number;
  level?: string;
  q?: string;
  limit: number;
}
