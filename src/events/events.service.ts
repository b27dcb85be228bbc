import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { EventsStore, type EventRow, type NewEvent } from './events.store.js';
import { HintsService } from './hints.service.js';
import { eventsTopic } from './topics.js';

const SEQUENCE_BATCH = 1000;
/** How much of the order is looked through at once for a few types. */
const SLICE = 2000;

/** Facts in their order. `reached` is how far the page goes when more may follow, null when it goes to the end. */
export interface EventPage {
  rows: EventRow[];
  reached: string | null;
}

export type { NewEvent };

/** What happened. Facts are recorded with the change they tell of, and read in one order by everybody. */
@Injectable()
export class EventsService {
  private readonly write = (events: readonly NewEvent[]): Promise<unknown> => this.store.record(events);

  constructor(
    private readonly store: EventsStore,
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
