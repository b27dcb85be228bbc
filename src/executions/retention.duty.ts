import { Injectable } from '@nestjs/common';
import { RetentionConfig } from '../config/retention.config.js';
import { Database } from '../database/database.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { inSteps } from '../duties/steps.js';
import { TaskRetention } from '../tasks/task-retention.service.js';
import { RetentionStore } from './retention.store.js';

const INTERVAL_SECONDS = 60;
const EXECUTIONS = 50;
const TASKS = 100;
const ENTRIES = 5000;

/** Lets old logs and finished tasks leave, a little at a time. */
@Injectable()
export class RetentionDuty implements Duty {
  readonly name = 'retention';
  readonly interval_seconds = INTERVAL_SECONDS;

  constructor(
    private readonly store: RetentionStore,
    private readonly tasks: TaskRetention,
    private readonly config: RetentionConfig,
    private readonly database: Database,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    if (this.config.log_days > 0) await inSteps(this.database, EXECUTIONS, () => this.removeLogs());
    if (this.config.task_days > 0) await inSteps(this.database, TASKS, () => this.removeTasks());
  }

  private async removeLogs(): Promise<number> {
    const aged = await this.store.findAgedLogs(this.config.log_days, EXECUTIONS);
    for (const { id, log_entries } of aged) if (log_entries > 0) await this.empty(id);
    await this.store.markLogsRemoved(aged.map(({ id }) => id));
    return aged.length;
  }

  private async removeTasks(): Promise<number> {
    const ids = await this.tasks.findAged(this.config.task_days, TASKS);
    for (const id of await this.store.findExecutionsWithLogs(ids)) await this.empty(id);
    await this.tasks.remove(ids);
    return ids.length;
  }

  /** Each chunk is a transaction of its own, so that a log of millions of lines holds nothing for long. */
  private async empty(executionId: string): Promise<void> {
    const chunk = () => this.database.outside(() => this.store.removeLogEntries(executionId, ENTRIES));
    while ((await chunk()) === ENTRIES);
  }
}
