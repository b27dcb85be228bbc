import { Injectable, Logger } from '@nestjs/common';
import { SessionsService } from '../auth/sessions.service.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { LimitsService } from '../limits/limits.service.js';
import { ExpiredSignInsStore } from './expired-sign-ins.store.js';

/** Rows that one statement may remove, so that none runs or locks for long. */
const STEP = 1000;
/** Steps of one kind in a run; what is left then waits for the next run. */
const STEPS = 10;

/** Forgets what signing in leaves behind: abandoned sign-ins, old counts of attempts, sessions that ended long ago. */
@Injectable()
export class IdentityCleanupDuty implements Duty {
  readonly name = 'identity-cleanup';
  readonly interval_seconds = 60;
  private readonly logger = new Logger(IdentityCleanupDuty.name);

  constructor(
    private readonly signIns: ExpiredSignInsStore,
    private readonly sessions: SessionsService,
    private readonly limits: LimitsService,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    await this.inSteps('oauth_states', () => this.signIns.deleteStates(STEP));
    await this.inSteps('device_grants', () => this.signIns.deleteDevices(STEP));
    await this.inSteps('sessions', () => this.sessions.deleteEnded(STEP));
    // Last, because somebody who signs in may wait for a row that is about to go.
    await this.inSteps('rate_limits', () => this.limits.deleteExpired(STEP));
  }

  private async inSteps(table: string, step: () => Promise<number>): Promise<void> {
    for (let done = 1; done <= STEPS; done++) {
      if ((await step()) < STEP) return;
    }
    this.logger.debug({ table }, 'more has expired than one run removes');
  }
}
