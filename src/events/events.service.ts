import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { EventMarksStore, type MarkedEvent } from './event-marks.store.js';
import { EventsStore, type EventRow, type NewEvent } from './events.store.js';
import type { EventType } from './event-types.js';
import { HintsService } from './hints.service.js';
import { eventsTopic } from './topics.js';

const SEQUENCE_BATCH = 1000;
/** How much of the order is looked through at once for a few types. */
const SLICE = 2000;
/** How many facts are handed at once to who takes them all. */
const TAKEN = 5000;

/** Facts in their order. `reached` is how far the page goes when more may follow, null when it goes to the end. */
export interface EventPage {
  rows: EventRow[];
  reached: string | null;
}

export type { MarkedEvent, NewEvent };

/** What happened. Facts are recorded with the change they tell of, and read in one order by everybody. */
@Injectable()
export class EventsService {
  private readonly write = (events: readonly NewEvent[]): Promise<unknown> => this.store.record(events);

  constructor(
    private readonly store: EventsStore,
    private readonly marks: EventMarksStore,
    private readonly hints: HintsService,
    private readonly database: Database,
  ) {}

  /** Records facts with the transaction under way. Those who follow are woken after its commit. */
  async record(...events: NewEvent[]): Promise<void> {
    await this.database.atCommit(this.write, events);
    const told = new Set(events.map(({ organization_id }) => organization_id));
    for (const organization_id of told) this.hints.send(eventsTopic(organization_id));
  }

  /** Facts that wait for their place in the order, and for how many seconds the first of them. */
  lag(): Promise<{ waiting: number; seconds: number }> {
    return this.store.lag();
  }

  /** Gives facts that wait their place in the order. */
  sequence(): Promise<number> {
    return this.store.sequence(SEQUENCE_BATCH);
  }

  /** Gives facts that wait their place, if there are any. Whether more may wait behind them. */
  async clearBacklog(): Promise<boolean> {
    return (await this.store.backlog()) && (await this.sequence()) === SEQUENCE_BATCH;
  }

  /** Facts of an organization behind a position, oldest first. A reader that finds a backlog clears it itself. */
  async findAfter(filter: Parameters<EventsStore['findAfter']>[0]): Promise<EventRow[]> {
    await this.clearBacklog();
    return this.store.findAfter(filter);
  }

  /** One page of the facts of an organization behind a position, for who goes through all of them. */
  async readPage(filter: {
    organization_id: string;
    after: string;
    types: readonly string[] | null;
    task_id: string | null;
    limit: number;
  }): Promise<EventPage> {
    const { types, task_id, limit } = filter;
    if (types !== null && task_id === null) {
      const { rows, end } = await this.store.findInSlice({ ...filter, types, slice: SLICE });
      return { rows, reached: rows.length === limit ? lastOf(rows) : end };
    }
    const rows = await this.store.findAfter(filter);
    return { rows, reached: rows.length === limit ? lastOf(rows) : null };
  }

  /**
   * Hands the facts of some types that have their place and are behind the mark of a name to `take`, in steps and in their
   * order, each of them once: the mark moves in the transaction in which `take` writes.
   */
  async takeNew(
    name: string,
    types: readonly EventType[],
    take: (events: readonly MarkedEvent[]) => Promise<void>,
  ): Promise<void> {
    while (await this.marks.isBehind(name)) {
      await this.database.transaction(async () => {
        const { events, end } = await this.marks.findNext(await this.marks.lock(name), types, TAKEN);
        if (events.length > 0) await take(events);
        if (end !== null) await this.marks.move(name, end);
      });
    }
  }

  /** The same, with those that wait for their place. */
  async takeAll(...of: Parameters<EventsService['takeNew']>): Promise<void> {
    while (await this.clearBacklog());
    await this.takeNew(...of);
  }

  /** The end of the order of an organization as it is now. */
  async findEnd(organization_id: string): Promise<string> {
    while (await this.clearBacklog());
    return this.store.findEnd(organization_id);
  }

  /** Which of some organizations have facts behind the position given for each; those that wait count. */
  async findBehind(ends: Parameters<EventsStore['findBehind']>[0]): Promise<string[]> {
    while (await this.clearBacklog());
    return this.store.findBehind(ends);
  }
}

const lastOf = (rows: readonly EventRow[]): string | null => rows.at(-1)?.position ?? null;
