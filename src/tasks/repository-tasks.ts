import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';
import {
  RepositoryRemoval,
  type RepositoryUse,
  type RepositoryUser,
} from '../repositories/repository-removal.service.js';
import { TaskActions, type ActionInput } from './task-actions.service.js';
import { TaskStatsService } from './task-stats.service.js';
import type { TaskStatus } from './task.states.js';

const UNFINISHED: TaskStatus[] = ['blocked', 'pending', 'running'];
const ENDED: TaskStatus[] = ['completed', 'failed', 'cancelled', 'skipped'];
/** Of the time that a request has; what is left is for the next one. */
const PATIENCE_MS = 3000;
const REASON = 'Its repository is being deleted.';

/** Tasks go with their repository when somebody insists. */
@Injectable()
export class RepositoryTasks implements OnModuleInit, RepositoryUser {
  constructor(
    private readonly removal: RepositoryRemoval,
    private readonly actions: TaskActions,
    private readonly stats: TaskStatsService,
  ) {}

  onModuleInit(): void {
    this.removal.usedBy(this);
  }

  async count(principal: Principal, repository_id: string): Promise<RepositoryUse> {
    const { running, blocked, pending, total } = await this.stats.read(principal, { repository_id });
    const waiting = blocked + pending;
    return { running_tasks: running, waiting_tasks: waiting, ended_tasks: total - running - waiting };
  }

  /** Cancels what has not ended, and deletes what has; workers end what runs there in their own time. */
  async clear(principal: Principal, repository_id: string): Promise<void> {
    const until = Date.now() + PATIENCE_MS;
    const wish = (action: 'cancel' | 'delete', status: TaskStatus[]): ActionInput => ({
      action,
      filter: { repository_id, status },
      ...(action === 'cancel' && { reason: REASON }),
    });
    await this.actions.act(principal, wish('cancel', UNFINISHED));
    // What others wait for goes after these.
    for (let changed = 1; changed > 0 && Date.now() < until;)
      changed = (await this.actions.act(principal, wish('delete', ENDED))).changed;
  }
}
