import { Injectable } from '@nestjs/common';
import type { Duty } from '../duties/duty.js';
import { DutiesService } from '../duties/duties.service.js';
import { EventsService } from './events.service.js';

/** Gives recorded facts their place in the order of events. */
@Injectable()
export class SequencerDuty implements Duty {
  readonly name = 'event-sequencer';
  readonly interval_seconds = 1;

  constructor(
    private readonly events: EventsService,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    await this.events.sequence();
  }
}
