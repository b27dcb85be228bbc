import { Injectable } from '@nestjs/common';
import { RetentionConfig } from '../config/retention.config.js';
import { Database } from '../database/database.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { inSteps } from '../duties/steps.js';
import { CoordinatorMetricsStore } from './coordinator-metrics.store.js';

const INTERVAL_SECONDS = 60;
const STEP = 2000;

/** Lets what coordinators reported of their hosts leave after its time. */
@Injectable()
export class CoordinatorMetricsDuty implements Duty {
  readonly name = 'coordinator-metrics';
  readonly interval_seconds = INTERVAL_SECONDS;

  constructor(
    private readonly store: CoordinatorMetricsStore,
    private readonly config: RetentionConfig,
    private readonly database: Database,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    const { coordinator_metric_days: days } = this.config;
    if (days > 0) await inSteps(this.database, STEP, () => this.store.removeAged(days, STEP));
  }
}
