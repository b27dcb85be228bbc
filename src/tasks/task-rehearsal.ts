import type { Edge } from './dependencies.store.js';
import { BudgetUsedUp } from './task.errors.js';
import { refusalOf, type TaskAction } from './task.rules.js';
import type { TaskStatus } from './task.states.js';

/** A task as far as its rehearsal must know it. */
export interface Rehearsed {
  id: string;
  status: TaskStatus;
  is_spent: boolean;
  is_unattended: boolean;
}

/**
 * What actions on tasks would come to, one after the other, without doing anything: by the same rules, and with what
 * each of them means for those behind it.
 */
export class Rehearsal {
  private readonly spent: ReadonlySet<string>;
  private readonly unattended: ReadonlySet<string>;
  private readonly status = new Map<string, TaskStatus>();
  private readonly dependents = new Map<string, string[]>();

  /** `edges` lead to the tasks and to all that are blocked behind them. */
  constructor(tasks: readonly Rehearsed[], edges: readonly (Edge & { status: TaskStatus })[]) {
    for (const { task_id, depends_on_id, status } of edges) {
      this.status.set(task_id, status);
      this.dependents.set(depends_on_id, [...this.dependentsOf(depends_on_id), task_id]);
    }
    for (const { id, status } of tasks) this.status.set(id, status);
    this.spent = new Set(tasks.filter(({ is_spent }) => is_spent).map(({ id }) => id));
    this.unattended = new Set(tasks.filter(({ is_unattended }) => is_unattended).map(({ id }) => id));
  }

  /** Code of the refusal; null when the task would be changed. */
  attempt(action: TaskAction, id: string): string | null {
    const status = this.status.get(id);
    if (status === undefined) return 'task/not-found';
    const isNeeded = this.dependentsOf(id).some((dependent) => this.isOneOf(dependent, ['blocked', 'pending']));
    const refusal = refusalOf(action, status, isNeeded);
    if (refusal !== null) return refusal.code;
    if (action === 'retry' && this.spent.has(id)) return new BudgetUsedUp(status).code;
    if (action === 'delete') this.status.delete(id);
    if (action === 'cancel' && (status !== 'running' || this.unattended.has(id))) {
      this.status.set(id, 'cancelled');
      this.skipBehind(id);
    }
    return null;
  }

  private skipBehind(cause: string): void {
    for (const causes = [cause]; causes.length > 0;) {
      const blocked = this.dependentsOf(causes.pop() ?? '').filter((id) => this.isOneOf(id, ['blocked']));
      blocked.forEach((id) => this.status.set(id, 'skipped'));
      causes.push(...blocked);
    }
  }

  private dependentsOf(id: string): readonly string[] {
    return this.dependents.get(id) ?? [];
  }

  private isOneOf(id: string, statuses: readonly TaskStatus[]): boolean {
    const status = this.status.get(id);
    return status !== undefined && statuses.includes(status);
  }
}
