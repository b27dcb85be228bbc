import { Injectable } from '@nestjs/common';
import { QueueConfig } from '../config/queue.config.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { CoordinatorRecords } from './coordinator-records.service.js';

/** Notices coordinators that fall silent or come back, for those who follow events. */
@Injectable()
export class CoordinatorWatchDuty implements Duty {
  readonly name = 'coordinator-watch';
  readonly interval_seconds: number;

  constructor(
    private readonly records: CoordinatorRecords,
    private readonly config: QueueConfig,
    private readonly duties: DutiesService,
  ) {
    this.interval_seconds = config.worker_watch_seconds;
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    const { sweep_gap_seconds, worker_watch_seconds, lease_seconds } = this.config;
    // When nobody watched for so long, coordinators may not have reached the server either.
    const gap = Math.max(sweep_gap_seconds, 3 * worker_watch_seconds);
    const graceful = await this.duties.graceAfterGap(this, gap, lease_seconds);
    await this.records.tellHealth({ graceful });
  }
}
