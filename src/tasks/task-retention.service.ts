import { Injectable } from '@nestjs/common';
import { TasksStore } from './tasks.store.js';

/** Finished tasks that have been kept for long enough. */
@Injectable()
export class TaskRetention {
  constructor(private readonly store: TasksStore) {}

  /** The oldest of those that ended more than `days` ago and that no unfinished task waits for. */
  findAged(days: number, limit: number): Promise<string[]> {
    return this.store.findAged(days, limit);
  }

  /** Removes finished tasks with their executions, but for those that have begun anew since they were found. */
  async remove(ids: readonly string[]): Promise<void> {
    await this.store.removeFinished(ids);
  }
}
