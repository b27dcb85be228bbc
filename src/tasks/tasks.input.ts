import type { Priority, TaskStatus } from './task.states.js';

/** Each of them is merged before the work begins. */
export const MOST_DEPENDENCIES = 100;

/** A task as somebody wants it. */
export interface TaskInput {
  name: string;
  description?: string | null;
  priority?: Priority;
  repository_id?: string;
  agent_type?: string;
  issue_number?: number;
  metadata?: Record<string, unknown>;
  max_retries?: number;
  timeout_seconds?: number;
  run_at?: string;
  required_labels?: string[];
  concurrency_key?: string;
  base_ref?: string;
  use_worktree?: boolean;
  auto_pr?: boolean;
  max_cost_usd?: number;
  max_tokens?: number;
  /** Ids of tasks, and in a batch also `ref`s of others in it. */
  depends_on?: string[];
}

/** A task of a batch. */
export interface BatchedTaskInput extends TaskInput {
  /** What others of the batch call it in their `depends_on`. */
  ref?: string;
}

/** Changes of a task; absent fields stay. */
export interface TaskPatch {
  name?: string;
  description?: string | null;
  priority?: Priority;
  metadata?: Record<string, unknown>;
  run_at?: string;
  max_retries?: number;
  timeout_seconds?: number;
  required_labels?: string[];
}

/** Which tasks are meant. */
export interface TaskFilterInput {
  status?: TaskStatus[];
  priority?: Priority;
  repository_id?: string;
  agent_type?: string;
  issue_number?: number;
  worker_id?: string;
  created_after?: string;
  created_before?: string;
  q?: string;
}

export const TASK_ORDERS = ['created', 'queue'] as const;

export type TaskOrder = (typeof TASK_ORDERS)[number];

/** Which tasks to list, and how. */
export interface TaskListInput extends TaskFilterInput {
  order?: TaskOrder;
  cursor?: string;
  limit: number;
}
