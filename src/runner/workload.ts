import type { DesiredStatus, Directives } from './protocol.js';
import type { EndReason } from './verdict.js';
import type { Seen } from './work-left.js';

/** Something that counts as running for the server: an execution, or the delivery of an earlier one's result. */
export interface Running {
  readonly id: string;
  /** What it is doing, in a few words. */
  readonly message: string;
  /** Whether its agent is over: what is left to do is to hand over what it did. */
  readonly isHandingOver: boolean;
  /** What its checkout held at the last look, null when nobody has looked yet; absent once that is written down. */
  readonly seen?: Seen | null | undefined;
  end(reason: EndReason): void;
}

/** What this worker runs, and what the server wishes of it. */
export class Workload {
  private readonly running = new Map<string, Running>();
  private readonly work = new Set<Promise<void>>();
  private readonly watchers = new Set<() => void>();
  private desired: DesiredStatus = 'active';
  private inventoryIsAsked = false;

  get count(): number {
    return this.running.size;
  }

  get desiredStatus(): DesiredStatus {
    return this.desired;
  }

  has(id: string): boolean {
    return this.running.has(id);
  }

  /** What was seen last of the checkout of something that runs; undefined where the disk knows better. */
  seen(id: string): Seen | null | undefined {
    return this.running.get(id)?.seen;
  }

  /** A checkout is not as the server was told of it, which is a reason to tell. */
  noteCheckouts(): void {
    this.inventoryIsAsked = true;
    this.tellWatchers();
  }

  /** Exactly what the heartbeat renews. */
  reports(): { id: string; message: string; agent_ended?: boolean }[] {
    return [...this.running.values()].map(({ id, message, isHandingOver }) => ({
      ...{ id, message },
      ...(isHandingOver && { agent_ended: true }),
    }));
  }

  /** Follows it to its end; `work` must not reject. */
  add(running: Running, work: Promise<void>): void {
    this.running.set(running.id, running);
    const followed = work.finally(() => {
      this.running.delete(running.id);
      this.work.delete(followed);
      this.noteCheckouts();
    });
    this.work.add(followed);
  }

  /** Does what an answer of the server asks, or a word of its own, which is about one thing. */
  follow({ cancel = [], lost = [], desired_status = this.desired, send_inventory }: Partial<Directives>): void {
    if (send_inventory === true) {
      this.inventoryIsAsked = true;
      this.tellWatchers();
    }
    cancel.forEach((id) => this.running.get(id)?.end('cancel'));
    lost.forEach((id) => this.running.get(id)?.end('lost'));
    if (desired_status === this.desired) return;
    this.desired = desired_status;
    this.tellWatchers();
  }

  /** Whether the server has asked for the inventory since this was asked last, or there is news for it. */
  takeInventoryWish(): boolean {
    const isAsked = this.inventoryIsAsked;
    this.inventoryIsAsked = false;
    return isAsked;
  }

  endAll(reason: EndReason): void {
    this.running.forEach((one) => one.end(reason));
  }

  /** Resolves when everything has come to its end. */
  async idle(): Promise<void> {
    while (this.work.size > 0) await Promise.all(this.work);
  }

  /** Resolves with the next end of something or wish of the server; rejects with the signal's reason. */
  async changed(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const clear = (): void => {
        this.watchers.delete(wake);
        signal.removeEventListener('abort', abort);
      };
      const wake = (): void => {
        clear();
        resolve();
      };
      const abort = (): void => {
        clear();
        reject(new Error('no longer waiting', { cause: signal.reason }));
      };
      this.watchers.add(wake);
      signal.addEventListener('abort', abort);
    });
  }

  private tellWatchers(): void {
    [...this.watchers].forEach((wake) => wake());
  }
}
