import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { inSteps } from '../duties/steps.js';
import { AgentsStore } from './agents.store.js';

const INTERVAL_SECONDS = 5;
const STEP = 5000;

/** Folds what has ended into the counts of agents, so that those who read them have few rows to add up. */
@Injectable()
export class AgentCountsDuty implements Duty {
  readonly name = 'agent-counts';
  readonly interval_seconds = INTERVAL_SECONDS;

  constructor(
    private readonly store: AgentsStore,
    private readonly database: Database,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  runOnce(): Promise<void> {
    return inSteps(this.database, STEP, () => this.store.fold(STEP));
  }
}
