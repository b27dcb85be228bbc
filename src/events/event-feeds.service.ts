import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { DomainError } from '../domain-error.js';
import { type EventFilter, EventFrame, LiveFrame } from './event-frame.js';
import { EventReader } from './event-reader.js';
import { EventsService } from './events.service.js';
import { HintsService } from './hints.service.js';
import { type OrganizationFeed, type Taken } from './organization-feed.js';
import { FeedKeeper } from './feed-keeper.js';
import { Slots } from '../slots.js';
import { eventsTopic, liveNewsOf, liveTopic } from './topics.js';

/** How often the order is looked at without a hint: they may be lost. One look is for all organizations. */
const SLOW_POLL_MS = 2000;
/** News of executions are gathered for so long: whoever looks sees no more than that. */
const LIVE_MS = 100;
/** How many read from the database at once, so that many who come again do not take all of its connections. */
const AT_ONCE = 4;
/** What a reader who is far behind holds at the most. */
const STORED_PAGE = 200;

/** Where a reader wants to begin; null for now. */
export interface Wish extends EventFilter {
  organization_id: string;
  after: string | null;
}

/** Events as they happen. Whoever follows an organization in this process shares one feed of it. */
@Injectable()
export class EventFeeds implements OnApplicationShutdown {
  private readonly logger = new Logger(EventFeeds.name);
  private readonly feeds = new Map<string, FeedKeeper>();
  private readonly storedReads = new Slots(AT_ONCE);
  private polling: NodeJS.Timeout | null = null;
  private stopped = false;

  constructor(
    private readonly events: EventsService,
    private readonly hints: HintsService,
  ) {}

  /** Follows an organization until `closed` is aborted. */
  async follow({ organization_id, after, ...filter }: Wish, closed: AbortSignal): Promise<EventReader> {
    const keeper = this.keeperOf(organization_id);
    keeper.users += 1;
    try {
      const feed = await keeper.start(after === null);
      const reader = new EventReader(
        feed,
        filter,
        after === null ? feed.position : BigInt(after),
        (...place) => this.storedReads.within(() => this.readStored(...place)),
        closed,
      );
      const leave = (): void => {
        feed.readers.delete(reader);
        this.leave(keeper);
      };
      if (closed.aborted) leave();
      else closed.addEventListener('abort', leave, { once: true });
      return reader;
    } catch (error) {
      this.leave(keeper);
      throw error;
    }
  }

  onApplicationShutdown(): void {
    this.stopped = true;
    if (this.polling) clearTimeout(this.polling);
    for (const keeper of this.feeds.values()) keeper.close();
  }

  private keeperOf(organization_id: string): FeedKeeper {
    const known = this.feeds.get(organization_id);
    if (known !== undefined) return known;
    const keeper = new FeedKeeper(organization_id, this.events);
    this.feeds.set(organization_id, keeper);
    keeper.closers.push(
      this.hints.on(eventsTopic(organization_id), () => void this.refresh(keeper)),
      this.hints.on(liveTopic(organization_id), (detail) => this.hear(keeper, detail)),
    );
    this.polling ??= setTimeout(() => void this.poll(), SLOW_POLL_MS);
    return keeper;
  }

  private leave(keeper: FeedKeeper): void {
    keeper.users -= 1;
    if (keeper.users > 0) return;
    keeper.close();
    this.feeds.delete(keeper.organization_id);
  }

  private async refresh(keeper: FeedKeeper): Promise<void> {
    await this.attempt(() => keeper.refresh());
  }

  /** Null when it cannot be done: streams stay open, and the next look, hinted at or not, goes on from there. */
  private async attempt<T>(look: () => Promise<T>): Promise<T | null> {
    try {
      return await look();
    } catch (error) {
      const isAway = error instanceof DomainError && error.kind === 'unavailable';
      this.logger[isAway ? 'debug' : 'error']({ err: error }, 'events could not be read');
      return null;
    }
  }

  /** News come in a burst from many workers; they are handed on together, the last of each. */
  private hear(keeper: FeedKeeper, detail: string | undefined): void {
    const news = detail === undefined ? null : liveNewsOf(detail);
    if (news === null) return;
    const frame = new LiveFrame(news);
    if (keeper.heard.size === 0) setTimeout(() => keeper.tellLive(), LIVE_MS);
    keeper.heard.set(frame.key, frame);
  }

  private async poll(): Promise<void> {
    const started = [...this.feeds.values()].flatMap(({ feed }) => feed ?? []);
    const ends = started.map(({ organization_id, position }) => ({ organization_id, position: String(position) }));
    const behind = (ends.length > 0 && (await this.attempt(() => this.events.findBehind(ends)))) || [];
    await Promise.all(behind.flatMap((id) => this.feeds.get(id) ?? []).map((keeper) => this.refresh(keeper)));
    if (this.stopped) return;
    const later = SLOW_POLL_MS * (0.9 + Math.random() * 0.2);
    this.polling = this.feeds.size > 0 ? setTimeout(() => void this.poll(), later) : null;
  }

  private async readStored(feed: OrganizationFeed, after: bigint, filter: EventFilter): Promise<Taken | null> {
    // All up to here can be seen by a look that begins now.
    const end = feed.position;
    const wish = {
      organization_id: feed.organization_id,
      after: String(after),
      types: filter.types === null ? null : [...filter.types],
      task_id: filter.task_id,
      limit: STORED_PAGE,
    };
    const page = await this.attempt(() => this.events.readPage(wish));
    if (page === null) return null;
    const frames = page.rows.map((row) => new EventFrame(row));
    if (page.reached !== null) return { frames, cursor: BigInt(page.reached) };
    const last = frames.at(-1)?.position ?? after;
    return { frames, cursor: last > end ? last : end };
  }
}
