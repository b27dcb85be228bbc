import { Injectable } from '@nestjs/common';
import { RetentionConfig } from '../config/retention.config.js';
import { Database } from '../database/database.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { inSteps } from '../duties/steps.js';
import { EventsStore } from './events.store.js';

const INTERVAL_SECONDS = 60;
const STEP = 2000;

/** Lets old events leave, from the front of their order. */
@Injectable()
export class EventRetentionDuty implements Duty {
  readonly name = 'event-retention';
  readonly interval_seconds = INTERVAL_SECONDS;

  constructor(
    private readonly store: EventsStore,
    private readonly config: RetentionConfig,
    private readonly database: Database,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    const { event_days } = this.config;
    if (event_days > 0) await inSteps(this.database, STEP, () => this.store.removeAged(event_days, STEP));
  }
}
