import { join } from 'node:path';
import { withLimit } from '../time-limit.js';
import { readAgentRefs } from './agent-refs.js';
import type { Checkout } from './checkout.js';
import { CheckoutLook, type Look } from './checkout-look.js';
import type { ExecutionDirectory } from './execution-directory.js';
import type { Remote } from './git-transport.js';
import { identityOf } from './hand-back.js';
import type { House } from './house.js';
import { pause } from './patience.js';
import type { Grant } from './protocol.js';
import { SnapshotDelivery } from './snapshot-delivery.js';
import type { Seen } from './work-left.js';

/** The first look of an agent that has just begun. */
const FIRST_MS = 2000;
/** So many times as long as a look takes is not looked, but no more than so many times as long as asked for. */
const SPARED = 10;
/** The agent waits for the beginning: it is a few small files, and one process of git. */
const BEGIN_MS = 20_000;

export interface WatchPlan {
  readonly grant: Grant;
  readonly directory: ExecutionDirectory;
  readonly checkout: Checkout;
  readonly remote: Remote | null;
  readonly leaveOut: () => readonly string[];
}

/** Follows what a checkout holds while an agent works in it, and lets the server know. Nothing of that is needed for the work. */
export class CheckoutWatch {
  private holdings: Omit<Seen, 'changed_at'> | null = null;
  private readonly over = new AbortController();
  private watching: Promise<void> = Promise.resolve();
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

  /** Before anything of an agent runs in the checkout. Rejects with the reason of the signal alone. */
  async begin(plan: WatchPlan, signal: AbortSignal): Promise<void> {
    const { checkout, grant } = plan;
    const { repository } = grant;
    const { look_seconds } = this.house.settings.runner;
    // So that it is told of; what it holds is known only where somebody goes on looking.
    if (look_seconds === 0) {
      this.house.tellCheckouts();
      return;
    }
    try {
      const { head, branch } = await readAgentRefs(join(checkout.path, '.git'));
      const look = await withLimit(BEGIN_MS, signal, (limit) =>
        CheckoutLook.begin(
          this.house.git,
          {
            ...plan,
            cache: repository === null ? null : this.house.cache.pathOf(repository.id),
            defaultBranch: repository?.default_branch ?? null,
            identity: identityOf(grant),
            maxFileBytes: this.house.settings.runner.max_file_bytes,
            signal: this.over.signal,
          },
          limit,
        ),
      );
      this.see({ branch, head_sha: head, dirty: false, unpushed: head !== checkout.baseSha, merged: null });
      this.watching = this.watch(look, plan, look_seconds * 1000);
    } catch (error) {
      signal.throwIfAborted();
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
    const delivery = new SnapshotDelivery(plan.remote, everyMs, signal);
    let mark: string | null = null;
    for (let waitMs = Math.min(FIRST_MS, everyMs); ;) {
      await pause(waitMs * (0.75 + Math.random() / 4), signal).catch(() => undefined);
      if (signal.aborted) break;
      const began = performance.now();
      try {
        mark = await this.lookOnce(look, delivery, mark);
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
  private async lookOnce(
    look: CheckoutLook,
    delivery: SnapshotDelivery,
    before: string | null,
  ): Promise<string | null> {
    try {
      const found = await look.look(delivery.isOwed(before) ? null : before);
      if (found !== null) {
        if (this.isChanged(found)) this.changedAt = new Date();
        this.lastMark = found.mark;
        this.see({ ...found.holdings, branch: found.branch });
      }
      await (found === null ? delivery.repeat() : delivery.tell(found, () => look.snapshot())).catch(
        (error: unknown) => {
          if (!this.over.signal.aborted)
            this.house.log.debug({ execution_id: this.executionId, err: error }, 'the snapshot was not delivered');
        },
      );
      return found?.mark ?? before;
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

  private see(holdings: Omit<Seen, 'changed_at'> | null): void {
    const isNews = JSON.stringify(holdings) !== JSON.stringify(this.holdings);
    this.holdings = holdings;
    if (isNews) this.house.tellCheckouts();
  }
}
