/** Facts that are recorded. */
export const EVENT_TYPES = [
  'task.created',
  'task.updated',
  'task.started',
  'task.blocked',
  'task.unblocked',
  'task.retried',
  'task.completed',
  'task.failed',
  'task.cancelled',
  'task.skipped',
  'task.deleted',
  'execution.started',
  'execution.finished',
  'execution.stale_write',
  'budget.warning',
  'worker.registered',
  'worker.health_changed',
  'worker.lost',
  'disk.low',
  'coordinator.registered',
  'coordinator.health_changed',
  'coordinator.lost',
  'provider.limited',
  'repository.mirror_rebuilt',
  'deployment.recorded',
  'deployment.promoted',
  'deployment.started',
  'deployment.succeeded',
  'deployment.failed',
  'deployment.rolled_back',
  'deployment.updated',
  'worktree.created',
  'worktree.removal_requested',
  'worktree.removed',
  'worktree.kept',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

/** What a fact is about, by id. */
export interface EventSubject {
  task_id?: string;
  execution_id?: string;
  worker_id?: string;
  coordinator_id?: string;
  repository_id?: string;
  deployment_id?: string;
  worktree_id?: string;
}
