import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { inSteps } from '../duties/steps.js';
import { TaskStatsStore } from './task-stats.store.js';

const INTERVAL_SECONDS = 5;
const STEP = 5000;

/** Folds differences in the number of tasks into the counts, so that those who read them have few rows to add up. */
@Injectable()
export class TaskCountsDuty implements Duty {
  readonly name = 'task-counts';
  readonly interval_seconds = INTERVAL_SECONDS;

  constructor(
    private readonly store: TaskStatsStore,
    private readonly database: Database,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  runOnce(): Promise<void> {
    return inSteps(this.database, STEP, () => this.store.fold(STEP));
  }
}
