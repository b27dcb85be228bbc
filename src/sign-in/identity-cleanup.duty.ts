import { Injectable } from '@nestjs/common';
import { JoinTokensService } from '../auth/join-tokens.service.js';
import { SessionsService } from '../auth/sessions.service.js';
import { Database } from '../database/database.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { inSteps } from '../duties/steps.js';
import { LimitsService } from '../limits/limits.service.js';
import { ExpiredSignInsStore } from './expired-sign-ins.store.js';

/** Rows that one statement may remove, so that none runs or locks for long. */
const STEP = 1000;

/**
 * Forgets what signing in leaves behind: abandoned sign-ins, old counts of attempts, sessions and
 * invitations of machines that ended long ago.
 */
@Injectable()
export class IdentityCleanupDuty implements Duty {
  readonly name = 'identity-cleanup';
  readonly interval_seconds = 60;

  constructor(
    private readonly signIns: ExpiredSignInsStore,
    private readonly sessions: SessionsService,
    private readonly joinTokens: JoinTokensService,
    private readonly limits: LimitsService,
    private readonly database: Database,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    await this.steps(() => this.signIns.deleteStates(STEP));
    await this.steps(() => this.signIns.deleteDevices(STEP));
    await this.steps(() => this.sessions.deleteEnded(STEP));
    await this.steps(() => this.joinTokens.deleteEnded(STEP));
    await this.steps(() => this.limits.deleteExpired(STEP));
  }

  /** Each step is committed by itself: somebody who signs in may wait for a row that is about to go. */
  private steps(step: () => Promise<number>): Promise<void> {
    return inSteps(this.database, STEP, step);
  }
}
