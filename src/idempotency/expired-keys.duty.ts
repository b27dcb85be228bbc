import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { DutiesService } from '../duties/duties.service.js';
import { inSteps } from '../duties/steps.js';
import type { Duty } from '../duties/duty.js';
import { IdempotencyStore } from './idempotency.store.js';

const INTERVAL_SECONDS = 60;
const STEP = 500;

/** Forgets answers that have been kept for long enough. */
@Injectable()
export class ExpiredKeysDuty implements Duty {
  readonly name = 'expired-keys';
  readonly interval_seconds = INTERVAL_SECONDS;

  constructor(
    private readonly store: IdempotencyStore,
    private readonly database: Database,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  runOnce(): Promise<void> {
    return inSteps(this.database, STEP, () => this.store.removeExpired(STEP));
  }
}
