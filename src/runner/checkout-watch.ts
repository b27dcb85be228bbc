import { join } from 'node:path';
import { readAgentRefs } from './agent-refs.js';
import type { Checkout } from './checkout.js';
import { CheckoutLook, type Look } from './checkout-look.js';
import type { ExecutionDirectory } from './execution-directory.js';
import type { Remote } from './git-transport.js';
import { identityOf } from './hand-back.js';
import type { House } from './house.js';
import { pause } from './patience.js';
import type { Grant } from './protocol.js';
import { sendSnapshot } from './send-snapshot.js';
import type { Holdings, Seen } from './work-left.js';

/** The first look of an agent that has just begun. */
const FIRST_MS = 2000;
/** So many times as long as a look takes is not looked, but no more than so many times as long as asked for. */
const SPARED = 10;
/** How often the server is told that nothing has changed. */
const REPEAT_MS = 60_000;

export interface WatchPlan {
  readonly grant: Grant;
  readonly directory: ExecutionDirectory;
  readonly checkout: Checkout;
  readonly remote: Remote | null;
  readonly leaveOut: () => readonly string[];
}

/** Follows what a checkout holds while an agent works in it, and lets the server know. Nothing of that is needed for the work. */
export class CheckoutWatch {
  private holdings: Holdings | null = null;
  private readonly over = new AbortController();
  private watching: Promise<void> = Promise.resolve();
  /** The snapshot that the server has, and since when it knows that it is still so. */
  private told: { mark: string; commitSha: string; at: number } | null = null;
  private isTaken = true;
  private changedAt: Date | null = null;
  /** Of what the checkout held at the last look. */
  private lastMark: string | null = null;

  constructor(
    private readonly house: House,
    private readonly executionId: string,
  ) {}

  /** What it held at the last look; null when nobody has looked, or could. */
  get seen(): Seen | null {
    return this.holdings && { ...this.holdings, changed_at: this.changedAt };
  }

  /** Before anything of an agent runs in the checkout. */
  async begin(plan: WatchPlan): Promise<void> {
    const { checkout, grant } = plan;
    const { repository } = grant;
    const { look_seconds } = this.house.settings.runner;
    // So that it is told of; what it holds is known only where somebody goes on looking.
    if (look_seconds === 0) {
      this.house.tellCheckouts();
      return;
    }
    try {
      const { head } = await readAgentRefs(join(checkout.path, '.git'));
      const look = await CheckoutLook.begin(this.house.git, {
        ...plan,
        cache: repository === null ? null : this.house.cache.pathOf(repository.id),
        defaultBranch: repository?.default_branch ?? null,
        identity: identityOf(grant),
        signal: this.over.signal,
      });
      this.see({ head_sha: head, dirty: false, unpushed: head !== checkout.baseSha, merged: null });
      this.watching = this.watch(look, plan, look_seconds * 1000);
    } catch (error) {
      this.complain(error);
      this.house.tellCheckouts();
    }
  }

  /** Once nothing of the agent runs any more: what it held then is no longer what it holds. */
  async end(): Promise<void> {
    this.over.abort(new Error('the agent is over'));
    await this.watching;
  }

  private async watch(look: CheckoutLook, plan: WatchPlan, everyMs: number): Promise<void> {
    const { signal } = this.over;
    let mark: string | null = null;
    for (let waitMs = Math.min(FIRST_MS, everyMs); ;) {
      await pause(waitMs * (0.75 + Math.random() / 4), signal).catch(() => undefined);
      if (signal.aborted) break;
      const began = performance.now();
      try {
        mark = await this.lookOnce(look, plan, mark);
      } catch (error) {
        // An agent may remove files while they are looked at.
        if (!signal.aborted) this.complain(error);
        mark = null;
      }
      waitMs = Math.max(everyMs, Math.min(performance.now() - began, everyMs) * SPARED);
    }
    await look.close().catch((error: unknown) => this.complain(error));
  }

  /** Gives the mark of what the checkout holds now. */
  private async lookOnce(look: CheckoutLook, plan: WatchPlan, before: string | null): Promise<string | null> {
    try {
      // What the server has not taken is made anew.
      const known = this.told?.mark === before || !this.isTaken || plan.remote === null ? before : null;
      const found = await look.look(known);
      if (found !== null) {
        if (this.isChanged(found)) this.changedAt = new Date();
        this.lastMark = found.mark;
        this.see(found.holdings);
      }
      const mark = found?.mark ?? before;
      await this.tell(look, plan.remote, mark, found === null).catch((error: unknown) => {
        this.told = null;
        if (!this.over.signal.aborted)
          this.house.log.debug({ execution_id: this.executionId, err: error }, 'the snapshot was not delivered');
      });
      return mark;
    } finally {
      await look.rest();
    }
  }

  /** At the first look that is what differs from how it was made. */
  private isChanged({ mark, holdings }: Look): boolean {
    if (this.lastMark !== null) return mark !== this.lastMark;
    return holdings.dirty !== false || holdings.head_sha !== this.holdings?.head_sha;
  }

  private complain(error: unknown): void {
    this.house.log.debug({ execution_id: this.executionId, err: error }, 'the checkout could not be looked at');
    if (this.holdings !== null) this.see(null);
  }

  private see(holdings: Holdings | null): void {
    const isNews = JSON.stringify(holdings) !== JSON.stringify(this.holdings);
    this.holdings = holdings;
    if (isNews) this.house.tellCheckouts();
  }

  private async tell(look: CheckoutLook, remote: Remote | null, mark: string | null, isSame: boolean): Promise<void> {
    const { told } = this;
    const { signal } = this.over;
    if (remote === null || mark === null || !this.isTaken) return;
    if (isSame) {
      if (told === null || performance.now() - told.at < REPEAT_MS) return;
      const answer = await sendSnapshot(remote, { commitSha: told.commitSha, pack: null }, signal);
      this.told = answer === 'taken' ? { ...told, at: performance.now() } : null;
      return;
    }
    const snapshot = await look.snapshot();
    if (snapshot === null) return;
    this.told = null;
    const answer = await sendSnapshot(remote, snapshot, signal);
    // A server of the version before has no place for them.
    if (answer === 'unknown') this.isTaken = false;
    if (answer === 'taken') this.told = { mark, commitSha: snapshot.commitSha, at: performance.now() };
  }
}
