import { Bell } from './bell.js';
import type { EventFilter, EventFrame, LiveFrame } from './event-frame.js';
import type { FeedReader, OrganizationFeed, Taken } from './organization-feed.js';

/** News that wait for a reader; of more than that the oldest are forgotten. */
const MOST_LIVE = 200;
/** How long a reader waits after a look that failed, unless something rings. */
const AGAIN_MS = 2000;

/** What follows for a reader: events in their order, then news without a place in it. */
export interface Batch {
  frames: readonly EventFrame[];
  live: readonly LiveFrame[];
}

/** Reads what is not in memory any more, a page at a time; null when that cannot be done just now. */
export type ReadStored = (feed: OrganizationFeed, after: bigint, filter: EventFilter) => Promise<Taken | null>;

/**
 * Follows the events of an organization from a cursor on: stored ones first, then those in memory, then live. It holds
 * its cursor and nothing else, so that a reader who does not go on costs next to nothing.
 */
export class EventReader implements FeedReader {
  private readonly live = new Map<string, LiveFrame>();
  private readonly bell: Bell;

  constructor(
    private readonly feed: OrganizationFeed,
    private readonly filter: EventFilter,
    private reached: bigint,
    private readonly readStored: ReadStored,
    closed: AbortSignal,
  ) {
    feed.readers.add(this);
    this.bell = new Bell([closed]);
  }

  /** Everything up to here has been given, or is not wanted. */
  get cursor(): string {
    return String(this.reached);
  }

  ring(): void {
    this.bell.strike();
  }

  hear(live: readonly LiveFrame[]): void {
    // Who has to catch up first is not told what goes on meanwhile.
    if (this.reached < this.feed.position) return;
    const wanted = live.filter((frame) => frame.matches(this.filter));
    if (wanted.length === 0) return;
    for (const frame of wanted) {
      this.live.delete(frame.key);
      this.live.set(frame.key, frame);
    }
    for (const key of [...this.live.keys()].slice(0, Math.max(0, this.live.size - MOST_LIVE))) this.live.delete(key);
    this.ring();
  }

  /** What follows, as soon as there is something; null once the reader has gone. */
  async next(): Promise<Batch | null> {
    while (!this.bell.over) {
      this.bell.reset();
      const before = this.reached;
      const taken =
        this.feed.take(this.reached, this.filter) ?? (await this.readStored(this.feed, this.reached, this.filter));
      if (this.bell.over) break;
      if (taken === null) {
        await this.bell.rung(AGAIN_MS);
        continue;
      }
      this.reached = taken.cursor;
      const live = [...this.live.values()];
      this.live.clear();
      if (taken.frames.length > 0 || live.length > 0) return { frames: taken.frames, live };
      // A stretch without anything that is wanted is passed over before anybody waits.
      if (this.reached === before) await this.bell.rung();
    }
    return null;
  }
}
