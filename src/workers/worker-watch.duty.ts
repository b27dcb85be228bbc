import { Injectable } from '@nestjs/common';
import { QueueConfig } from '../config/queue.config.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { WorkerNews } from './worker-news.service.js';

/**
 * Notices workers that fall silent or come back, and pauses that are over. Nothing waits for it: health and pauses are told
 * by the clock whenever they are read; this is for those who follow events, and for workers that wait to be resumed.
 */
@Injectable()
export class WorkerWatchDuty implements Duty {
  readonly name = 'worker-watch';
  readonly interval_seconds: number;

  constructor(
    private readonly news: WorkerNews,
    private readonly config: QueueConfig,
    private readonly duties: DutiesService,
  ) {
    this.interval_seconds = config.worker_watch_seconds;
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    if (!(await this.news.isAnything())) return;
    const { sweep_gap_seconds, worker_watch_seconds, lease_seconds } = this.config;
    // When nobody watched for so long, workers may not have reached the server either.
    const gap = Math.max(sweep_gap_seconds, 3 * worker_watch_seconds);
    const graceful = await this.duties.graceAfterGap(this, gap, lease_seconds);
    await this.news.tell({ graceful });
  }
}
