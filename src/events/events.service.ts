import { Injectable } from '@nestjs/common';
import { EventsStore, type EventRow, type NewEvent } from './events.store.js';

const SEQUENCE_BATCH = 1000;

export type { NewEvent };

/** What happened. Facts are recorded with the change they tell of, and read in one order by everybody. */
@Injectable()
export class EventsService {
  constructor(private readonly store: EventsStore) {}

  /** Records facts in the transaction under way. */
  record(...events: NewEvent[]): Promise<void> {
    return this.store.record(events);
  }

  /** Facts that wait for their place in the order, and for how many seconds the first of them. */
  lag(): Promise<{ waiting: number; seconds: number }> {
    return this.store.lag();
  }

  /** Gives facts that wait their place in the order. */
  sequence(): Promise<number> {
    return this.store.sequence(SEQUENCE_BATCH);
  }

  /** Facts of an organization behind a position, oldest first. A reader that finds a backlog clears it itself. */
  async findAfter(filter: Parameters<EventsStore['findAfter']>[0]): Promise<EventRow[]> {
    if (await this.store.backlog()) await this.sequence();
    return this.store.findAfter(filter);
  }
}
