import type { DomainError } from '../domain-error.js';
import { TaskNeeded, TaskStateConflict } from './task.errors.js';
import { isFinal, type TaskStatus } from './task.states.js';

/** What can be wished of many tasks at once. */
export const TASK_ACTIONS = ['cancel', 'retry', 'set_priority', 'delete'] as const;

export type TaskAction = (typeof TASK_ACTIONS)[number];

/**
 * Why an action is refused to a task; null when it may go on. `isNeeded` says whether a task that has not begun depends
 * on it. The one place of these rules: what is only asked for with `dry_run` is told the same.
 */
export function refusalOf(action: TaskAction, status: TaskStatus, isNeeded: boolean): DomainError | null {
  switch (action) {
    case 'cancel':
      return isFinal(status) ? new TaskStateConflict('task/final', status, `The task is ${status} already.`) : null;
    case 'retry':
      return isFinal(status) && status !== 'completed'
        ? null
        : new TaskStateConflict('task/not-retryable', status, `The task is ${status}.`);
    case 'set_priority':
      return isFinal(status)
        ? new TaskStateConflict('task/not-editable', status, `The task is ${status} and stays as it is.`)
        : null;
    case 'delete':
      if (status === 'running')
        return new TaskStateConflict('task/running', status, 'The task is running. Cancel it first.');
      return isNeeded ? new TaskNeeded() : null;
  }
}

/** Throws what an action is refused with. */
export function assertAllowed(action: TaskAction, status: TaskStatus, isNeeded = false): void {
  const refusal = refusalOf(action, status, isNeeded);
  if (refusal !== null) throw refusal;
}
