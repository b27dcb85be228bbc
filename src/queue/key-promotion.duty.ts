import { Injectable } from '@nestjs/common';
import { QueueConfig } from '../config/queue.config.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { QueueService } from './queue.service.js';

const BATCH = 100;

/** Queues tasks with exclusive keys whose time has come while nobody held the key: no end of another one does it. */
@Injectable()
export class KeyPromotionDuty implements Duty {
  readonly name = 'key-promotion';
  readonly interval_seconds: number;

  constructor(
    private readonly queue: QueueService,
    config: QueueConfig,
    duties: DutiesService,
  ) {
    this.interval_seconds = config.sweep_seconds;
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    await this.queue.promoteIdle(BATCH);
  }
}
