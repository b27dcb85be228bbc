import type { EventFilter, EventFrame, LiveFrame } from './event-frame.js';

/** Events that stay in memory for those who are only a little behind. */
const WINDOW = 2000;
const WINDOW_BYTES = 8 * 1024 * 1024;
/** So much is taken at once: as much as a reader who does not go on holds. */
const MOST_BYTES = 32 * 1024;

/** Some events in their order, and up to where this is all there is. */
export interface Taken {
  frames: EventFrame[];
  cursor: bigint;
}

/** Who is to be told that there is more. */
export interface FeedReader {
  ring(): void;
  hear(live: readonly LiveFrame[]): void;
}

/**
 * The events of one organization, read once for all who follow them in this process: the last ones, up to a position.
 * Readers hold no events, but a cursor.
 */
export class OrganizationFeed {
  readonly readers = new Set<FeedReader>();
  private frames: EventFrame[] = [];
  /** Everything behind it, up to `position`, is in memory. */
  private floor: bigint;
  private end: bigint;
  private bytes = 0;

  constructor(
    readonly organization_id: string,
    start: bigint,
  ) {
    this.floor = start;
    this.end = start;
  }

  /** Up to where the order is known. */
  get position(): bigint {
    return this.end;
  }

  /** Takes the events that follow in, and rings those who read. */
  append(frames: readonly EventFrame[]): void {
    const last = frames.at(-1);
    if (last === undefined) return;
    this.frames.push(...frames);
    this.end = last.position;
    this.bytes += sizeOf(frames);
    this.forget();
    for (const reader of this.readers) reader.ring();
  }

  hear(live: readonly LiveFrame[]): void {
    for (const reader of this.readers) reader.hear(live);
  }

  /** What follows a cursor; null when that is not in memory any more. */
  take(cursor: bigint, filter: EventFilter): Taken | null {
    if (cursor < this.floor) return null;
    const frames: EventFrame[] = [];
    let reached = cursor;
    let bytes = 0;
    for (const frame of this.frames.slice(this.firstBehind(cursor))) {
      if (bytes >= MOST_BYTES) break;
      reached = frame.position;
      if (!frame.matches(filter)) continue;
      frames.push(frame);
      bytes += frame.size;
    }
    return { frames, cursor: reached };
  }

  /** Lets the oldest go that memory has no room for. */
  private forget(): void {
    let surplus = 0;
    for (const { position, size } of this.frames) {
      if (this.frames.length - surplus <= WINDOW && this.bytes <= WINDOW_BYTES) break;
      surplus += 1;
      this.bytes -= size;
      this.floor = position;
    }
    this.frames.splice(0, surplus);
  }

  private firstBehind(cursor: bigint): number {
    let [low, high] = [0, this.frames.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.frames[middle]?.position ?? 0n) > cursor) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

const sizeOf = (frames: readonly EventFrame[]): number => frames.reduce((sum, { size }) => sum + size, 0);
