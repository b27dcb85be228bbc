import { EventFrame, type LiveFrame } from './event-frame.js';
import type { EventsService } from './events.service.js';
import { OrganizationFeed } from './organization-feed.js';
import { Slots } from '../slots.js';

/** What is read at once. */
const PAGE = 500;
/** Hints wake every feed at once when the connection for them comes back. */
const looks = new Slots(4);

/** The feed of an organization, and what keeps it up to date while somebody uses it. */
export class FeedKeeper {
  /** Who has asked for it, also those for whom it is not ready yet. */
  users = 0;
  /** Null until its position is known. */
  feed: OrganizationFeed | null = null;
  /** News that have not been handed on. */
  readonly heard = new Map<string, LiveFrame>();
  readonly closers: (() => void)[] = [];
  private beginning: Promise<OrganizationFeed> | null = null;
  private next: Promise<void> | null = null;
  private last: Promise<void> = Promise.resolve();

  constructor(
    readonly organization_id: string,
    private readonly events: EventsService,
  ) {}

  /** The feed, once it is known where it begins; with `upToDate` nothing that is committed by now lies ahead of it. */
  async start(upToDate: boolean): Promise<OrganizationFeed> {
    if (this.feed !== null) {
      if (upToDate) await this.refresh();
      return this.feed;
    }
    this.beginning ??= this.begin();
    try {
      return await this.beginning;
    } finally {
      this.beginning = null;
    }
  }

  /** Reads what has come since, in a look that begins after this call. One look follows the other. */
  refresh(): Promise<void> {
    if (this.next !== null) return this.next;
    const look = this.last.then(() => {
      this.next = null;
      return looks.within(() => this.readOn());
    });
    this.next = look;
    // How a look went is told to who asked for it.
    this.last = look.catch(() => undefined);
    return look;
  }

  tellLive(): void {
    const live = [...this.heard.values()];
    this.heard.clear();
    this.feed?.hear(live);
  }

  close(): void {
    this.closers.splice(0).forEach((close) => close());
  }

  private async begin(): Promise<OrganizationFeed> {
    const end = await this.events.findEnd(this.organization_id);
    const feed = new OrganizationFeed(this.organization_id, BigInt(end));
    this.feed = feed;
    // Hints that came in between found no feed; should this look fail, the next one does the same.
    this.refresh().catch(() => undefined);
    return feed;
  }

  private async readOn(): Promise<void> {
    const { feed } = this;
    if (feed === null) return;
    for (;;) {
      const moreWait = await this.events.clearBacklog();
      const { rows, reached } = await this.events.readPage({
        organization_id: this.organization_id,
        after: String(feed.position),
        types: null,
        task_id: null,
        limit: PAGE,
      });
      feed.append(rows.map((row) => new EventFrame(row)));
      if (reached === null && !moreWait) return;
    }
  }
}
