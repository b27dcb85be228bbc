import { Refused } from './control-plane.js';
import type { ExecutionDirectory } from './execution-directory.js';
import { patienceFor, type House } from './house.js';
import { LogShipper } from './log-shipper.js';
import { LogSpool } from './log-spool.js';
import { OutputLimit } from './output-limit.js';
import { pieces } from './output-lines.js';
import { pause, untilAnswered } from './patience.js';
import type { Finish, FinishAnswer, LogAnswer, LogBatch, LogEntry } from './protocol.js';
import { closingEntries, type RestBounds } from './rest-of-log.js';

const BATCH_BYTES = 1024 * 1024;
const LINGER_MS = 200;
const MOST_ENTRIES = 1000;
/** An agent that writes faster than the server takes it is held back when so much is not sent. */
const MOST_UNSENT = 2 * 1024 * 1024;
const ROOM_LOOK_MS = 20;
/** A server that has not answered for so long holds nobody back: the log waits on the disk then. */
const AWAY_MS = 5000;
/** A timer of more would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Codes that say an execution is no longer this worker's. */
export const isLost = (error: unknown): boolean =>
  error instanceof Refused && (error.code === 'execution/lease-lost' || error.status === 404);

export interface DeliveryWishes {
  /** For how long in all an agent may be held back that writes faster than the server takes it. */
  readonly holdMs: number;
  /** Told when the server has given the work away. */
  readonly onLost: () => void;
}

/** What is told of a log beside its entries. */
type LogCounts = Pick<Finish, 'log_entries' | 'log_left_out'>;

/** The way of one execution's log and result to the server. */
export class Delivery {
  private readonly ending = new AbortController();
  /** Ends the sending of the log, but not what is said behind it. */
  private readonly endingLog = new AbortController();
  private readonly shipper: LogShipper;
  private readonly shipping: Promise<boolean>;
  private readonly limit: OutputLimit;
  private holdMs: number;
  /** Time that the server took to answer batches. */
  private answeredMs = 0;

  private constructor(
    private readonly house: House,
    private readonly directory: ExecutionDirectory,
    private readonly spool: LogSpool,
    private readonly wishes: DeliveryWishes,
  ) {
    const { log, settings } = house;
    const signal = AbortSignal.any([this.ending.signal, this.endingLog.signal]);
    const id = directory.executionId;
    const { max_log_bytes: bytes, max_log_entries: entries } = settings.logLimits;
    this.limit = new OutputLimit({ bytes, entries });
    this.holdMs = wishes.holdMs;
    this.shipper = new LogShipper(
      spool,
      (batch) => this.send(batch, signal),
      { entries: Math.min(house.logBatch(), MOST_ENTRIES), bytes: BATCH_BYTES, lingerMs: LINGER_MS },
      (what) => log.warn({ execution_id: id }, what),
      signal,
    );
    house.leaving.addEventListener('abort', this.leave);
    if (house.leaving.aborted) this.leave();
    this.shipping = this.ship();
  }

  /** Starts to send at once what is in the spool and what comes. */
  static async open(house: House, directory: ExecutionDirectory, wishes: DeliveryWishes): Promise<Delivery> {
    return new Delivery(house, directory, await LogSpool.open(directory.log), wishes);
  }

  /** What is told of the log when all of it is sent. */
  get counts(): LogCounts {
    const { leftOut } = this.limit;
    return { log_entries: this.spool.count, ...(leftOut > 0 && { log_left_out: tellable(leftOut) }) };
  }

  /** Whether the server is so far behind that the agent is to be held back. */
  get isBehind(): boolean {
    const { shipper, limit, holdMs } = this;
    // What is beyond the limit is not sent: nothing is waited for then.
    return shipper.unsent > MOST_UNSENT && holdMs > 0 && !limit.isReached && shipper.waitingMs < AWAY_MS;
  }

  /** Waits until the server has caught up, as far as an agent may be held back at all, or until the signal fires. */
  async untilRoom(signal: AbortSignal): Promise<void> {
    while (this.isBehind && !signal.aborted) {
      const from = performance.now();
      await pause(ROOM_LOOK_MS, signal).catch(() => undefined);
      this.holdMs -= performance.now() - from;
    }
  }

  /** A line of the runner itself in the execution's log. */
  async say(level: LogEntry['level'], text: string): Promise<void> {
    this.house.log[level]({ execution_id: this.directory.executionId }, text);
    await this.append(level, 'system', this.house.secrets.hide(text).split('\n').flatMap(pieces));
  }

  /** Lines of the agent; of those beyond the limit only the last are kept. */
  async appendOutput(
    level: LogEntry['level'],
    stream: 'stdout' | 'stderr' | 'agent',
    lines: readonly string[],
  ): Promise<void> {
    const wasReached = this.limit.isReached;
    await this.spool.append(this.limit.take(this.entriesOf(level, stream, lines)));
    if (wasReached || !this.limit.isReached) return;
    const { max_log_bytes, max_log_entries } = this.house.settings.logLimits;
    const most = `${String(max_log_entries)} lines or ${String(max_log_bytes)} bytes`;
    await this.say(
      'warn',
      `truncated: there is more output than ${most}; of what follows only the last lines are kept.`,
    );
  }

  /** Says what was left out, if anything, so that nothing is missing in silence; then come the last lines of it. */
  async sayLeftOut(): Promise<void> {
    const { lines, bytes, last } = this.limit.end();
    if (lines > 0) await this.say('warn', `truncated: ${String(lines)} lines (${String(bytes)} bytes) were left out.`);
    await this.spool.append(last);
  }

  async append(level: LogEntry['level'], stream: LogEntry['stream'], messages: readonly string[]): Promise<void> {
    await this.spool.append(this.entriesOf(level, stream, messages));
  }

  private entriesOf(level: LogEntry['level'], stream: LogEntry['stream'], messages: readonly string[]): LogEntry[] {
    const logged_at = this.house.clock.iso();
    return messages.map((message) => ({ level, stream, message, logged_at }));
  }

  /** Resolves when everything said so far would survive a power cut. */
  sync(): Promise<void> {
    return this.spool.sync();
  }

  /**
   * Sends the rest of the log within its bounds. Gives null when nothing of it had to be left out; otherwise what ends the
   * log instead, which also gives what is then told of it. Rejects with the reason when waiting was given up.
   */
  async sendRest({ sendingMs, inAllMs }: RestBounds): Promise<(() => Promise<LogCounts>) | null> {
    const until = this.answeredMs + sendingMs;
    const timer = setTimeout(() => this.endingLog.abort(), Math.min(inAllMs, LONGEST_TIMER_MS));
    this.shipper.close(() => this.answeredMs < until);
    const isSent = await this.shipping.finally(() => clearTimeout(timer));
    return isSent || this.shipper.shipped >= this.spool.count ? null : () => this.endLog();
  }

  /** Tells the result. Rejects with Refused, or with the reason when waiting was given up. */
  async finish(finish: Finish): Promise<FinishAnswer> {
    const { plane } = this.house;
    const id = this.directory.executionId;
    const { signal } = this.ending;
    return untilAnswered(() => plane.finish(id, finish, signal), patienceFor(this.house, signal, `result of ${id}`));
  }

  private async send(batch: LogBatch, signal: AbortSignal): Promise<LogAnswer> {
    const { plane } = this.house;
    const id = this.directory.executionId;
    return untilAnswered(
      async () => {
        const from = performance.now();
        const answer = await plane.sendLogs(id, batch, signal);
        this.answeredMs += performance.now() - from;
        return answer;
      },
      patienceFor(this.house, signal, `logs of ${id}`),
    );
  }

  /** Sends in place of what there was no time for how much that is, and the last of it. */
  private async endLog(): Promise<LogCounts> {
    const { spool, limit, house, shipper } = this;
    const { signal } = this.ending;
    try {
      const stored = await this.storedEntries(signal);
      const { entries, leftOut } = await closingEntries(spool, stored, house.clock.iso());
      const { next_offset } = await this.send({ offset: stored, entries }, signal);
      return { log_entries: next_offset, log_left_out: tellable(limit.leftOut + leftOut) };
    } catch (error) {
      if (signal.aborted || isLost(error)) throw error;
      house.log.warn(
        { execution_id: this.directory.executionId, err: error },
        'the end of the log cannot be delivered',
      );
      return { log_entries: spool.count, log_left_out: tellable(limit.leftOut + spool.count - shipper.shipped) };
    }
  }

  /** How many entries the server has. When a batch was given up on its way, it may have more than it has confirmed. */
  private async storedEntries(signal: AbortSignal): Promise<number> {
    const { shipped } = this.shipper;
    if (!this.endingLog.signal.aborted) return shipped;
    const { entries } = await this.spool.read(await this.spool.find(shipped), { entries: 1, bytes: BATCH_BYTES });
    return (await this.send({ offset: shipped, entries }, signal)).next_offset;
  }

  /** Stops whatever is under way. */
  async close(): Promise<void> {
    this.house.leaving.removeEventListener('abort', this.leave);
    this.ending.abort(new Error('the delivery was closed'));
    this.shipper.close();
    await this.shipping;
    await this.spool.close();
  }

  /** Answers whether the log came to its end; false when there was no time for all of it. */
  private async ship(): Promise<boolean> {
    try {
      await this.shipper.run();
      return this.shipper.shipped >= this.spool.count;
    } catch (error) {
      if (this.ending.signal.aborted) return true;
      if (this.endingLog.signal.aborted) return false;
      // The result is still told: the server then marks the log as incomplete, or refuses the result for the same reason.
      this.house.log.warn(
        { execution_id: this.directory.executionId, err: error },
        'the log cannot be delivered further',
      );
      if (isLost(error)) this.wishes.onLost();
      return true;
    }
  }

  private readonly leave = (): void => this.ending.abort(new Error('the runner is leaving'));
}

/** As the server takes it. */
const tellable = (lines: number): number => Math.min(lines, 2 ** 31 - 1);
