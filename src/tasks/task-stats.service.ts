import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { QueueViews } from '../queue/queue-views.service.js';
import { TASK_STATES, type TaskStatus } from './task.states.js';
import { type PendingCount, type StatsFilter, TaskStatsStore } from './task-stats.store.js';

/** How many tasks there are, and how long the longest has waited. */
export type TaskStats = Record<TaskStatus, number> & { total: number; oldest_pending_seconds: number | null };

/** Figures of an organization's tasks, whose cost does not grow with their number. */
@Injectable()
export class TaskStatsService {
  constructor(
    private readonly store: TaskStatsStore,
    private readonly queue: QueueViews,
  ) {}

  /** How many tasks of the instance wait to be claimed, by agent type and priority. */
  pending(): Promise<PendingCount[]> {
    return this.store.countPending();
  }

  async read(principal: Principal, filter: StatsFilter): Promise<TaskStats> {
    const organizationId = organizationOf(principal);
    const [counts, oldest] = await Promise.all([
      this.store.count(organizationId, filter),
      this.queue.oldestWait(organizationId, filter),
    ]);
    const of = new Map(counts.map(({ status, tasks }) => [status, tasks]));
    const each = Object.fromEntries(TASK_STATES.map((status) => [status, of.get(status) ?? 0]));
    const total = TASK_STATES.reduce((sum, status) => sum + (of.get(status) ?? 0), 0);
    return { ...(each as Record<TaskStatus, number>), total, oldest_pending_seconds: oldest };
  }
}
