import { Refused } from './control-plane.js';
import type { LogSpool, SpoolPosition } from './log-spool.js';
import { pause } from './patience.js';
import type { LogAnswer, LogBatch, LogEntry } from './protocol.js';

export interface ShippingLimits {
  /** Most entries in one batch. */
  readonly entries: number;
  /** Most bytes of JSON in one batch. */
  readonly bytes: number;
  /** How long an entry may wait for others to share its batch. */
  readonly lingerMs: number;
}

/** Sends one batch and waits as long as it takes; rejects when the server refuses it. */
export type SendLogs = (batch: LogBatch) => Promise<LogAnswer>;

/** Sends the entries of a spool to the server, each once and in order, by offset. */
export class LogShipper {
  private position: SpoolPosition = { seq: 0, byte: 0 };
  private most: number;
  private readonly closing = new AbortController();
  private mayGoOn: () => boolean = () => true;
  private sendingSince: number | null = null;

  constructor(
    private readonly spool: LogSpool,
    private readonly send: SendLogs,
    private readonly limits: ShippingLimits,
    private readonly onOddity: (what: string) => void,
    /** Ends `run` whether or not all was sent. */
    private readonly ending: AbortSignal,
  ) {
    this.most = limits.entries;
  }

  /** How many entries the server has confirmed. */
  get shipped(): number {
    return this.position.seq;
  }

  /** How many bytes of the spool the server has not confirmed. */
  get unsent(): number {
    return this.spool.size - this.position.byte;
  }

  /** For how long the server has not answered a batch. */
  get waitingMs(): number {
    return this.sendingSince === null ? 0 : performance.now() - this.sendingSince;
  }

  /** No more entries will come: `run` ends when all there are have been sent, or before a batch that `mayGoOn` forbids. */
  close(mayGoOn: () => boolean = () => true): void {
    this.mayGoOn = mayGoOn;
    this.closing.abort();
  }

  /** Sends until closed and done. Rejects with what ended `send`, with SpoolDamaged, or with the reason of the ending. */
  async run(): Promise<void> {
    for (;;) {
      await this.spool.waitForMore(this.position.seq, this.closing.signal);
      this.ending.throwIfAborted();
      if (!this.mayGoOn()) return;
      if (this.spool.count - this.position.seq < this.most) await this.linger();
      const slice = await this.spool.read(this.position, { entries: this.most, bytes: this.limits.bytes });
      if (slice.entries.length > 0) await this.ship(slice.entries, slice.next);
      else if (this.closing.signal.aborted && this.position.seq >= this.spool.count) return;
    }
  }

  private async linger(): Promise<void> {
    // A close ends the wait early; that is no fault.
    if (!this.closing.signal.aborted) await pause(this.limits.lingerMs, this.closing.signal).catch(() => undefined);
  }

  private async ship(entries: LogEntry[], next: SpoolPosition): Promise<void> {
    const offset = this.position.seq;
    this.sendingSince = performance.now();
    try {
      const answer = await this.send({ offset, entries });
      if (answer.next_offset === offset) await this.standStill();
      await this.moveTo(answer.next_offset, next);
      this.most = Math.min(this.limits.entries, this.most * 2);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const expected = error.problem['next_offset'];
      if (error.code === 'execution/log-offset' && typeof expected === 'number' && expected !== offset)
        await this.moveTo(expected, next);
      else if (error.status === 400 || error.status === 413) await this.sendLess(entries, next, error);
      else throw error;
    } finally {
      this.sendingSince = null;
    }
  }

  /** The server's word decides where to go on: after a lost answer it has more, after a lost batch it has less. */
  private async moveTo(seq: number, expected: SpoolPosition): Promise<void> {
    if (seq > this.spool.count)
      this.onOddity(`the server has ${String(seq)} log entries of ${String(this.spool.count)}`);
    this.position = seq === expected.seq ? expected : await this.spool.find(seq);
  }

  private async standStill(): Promise<void> {
    this.onOddity('the server took a log batch without storing it');
    await pause(1000, this.ending);
  }

  /** One entry that the server does not take must not hold up all that follow it. */
  private async sendLess(entries: LogEntry[], next: SpoolPosition, error: Refused): Promise<void> {
    if (entries.length > 1) {
      this.most = Math.ceil(entries.length / 2);
      return;
    }
    this.onOddity(`log entry ${String(this.position.seq)} was refused: ${error.message}`);
    const substitute = entries.map((entry) => ({ ...entry, message: '(the server refused this line)' }));
    const answer = await this.send({ offset: this.position.seq, entries: substitute });
    await this.moveTo(answer.next_offset, next);
  }
}
