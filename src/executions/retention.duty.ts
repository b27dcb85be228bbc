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
const LAST_SEQUENCE = 2_147_483_647;

/** Lets old logs and finished tasks leave, and the log entries of all that is gone, a little at a time. */
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
    const { log_days, task_days } = this.config;
    if (log_days > 0) await inSteps(this.database, EXECUTIONS, () => this.store.removeAgedLogs(log_days, EXECUTIONS));
    if (task_days > 0) await inSteps(this.database, TASKS, () => this.removeTasks(task_days));
    await inSteps(this.database, ENTRIES, () => this.removeEntries());
  }

  private async removeTasks(days: number): Promise<number> {
    const ids = await this.tasks.findAged(days, TASKS);
    await this.tasks.remove(ids);
    return ids.length;
  }

  /** A step takes so many entries and no more, of one log or of several: a single one may have millions. */
  private async removeEntries(): Promise<number> {
    const waiting = await this.store.findRemovedLogs(EXECUTIONS);
    const emptied: string[] = [];
    let left = ENTRIES;
    for (const { execution_id: id, next_seq: from } of waiting) {
      const to = Math.min(from + left, LAST_SEQUENCE);
      const removed = await this.store.removeLogEntries(id, from, to);
      const next = removed < to - from ? await this.store.findLogEntry(id, to) : to;
      if (next === null) emptied.push(id);
      else await this.store.moveRemovedLog(id, next);
      left -= removed;
      if (left === 0) break;
    }
    await this.store.forgetRemovedLogs(emptied);
    return left === 0 || waiting.length === EXECUTIONS ? ENTRIES : 0;
  }
}
