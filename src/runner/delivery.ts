import { Refused } from './control-plane.js';
import type { ExecutionDirectory } from './execution-directory.js';
import { patienceFor, type House } from './house.js';
import { LogShipper } from './log-shipper.js';
import { LogSpool } from './log-spool.js';
import { untilAnswered } from './patience.js';
import { pieces } from './output-lines.js';
import type { Finish, FinishAnswer, LogEntry } from './protocol.js';

const BATCH_BYTES = 1024 * 1024;
const LINGER_MS = 200;
const MOST_ENTRIES = 500;

/** Codes that say an execution is no longer this worker's. */
export const isLost = (error: unknown): boolean =>
  error instanceof Refused && (error.code === 'execution/lease-lost' || error.status === 404);

/** The way of one execution's log and result to the server. */
export class Delivery {
  private readonly ending = new AbortController();
  private readonly shipper: LogShipper;
  private readonly shipping: Promise<void>;
  /** Bytes of the agent's output so far, and what of it is not in the log. */
  private output = 0;
  private leftOut = { lines: 0, bytes: 0 };

  private constructor(
    private readonly house: House,
    private readonly directory: ExecutionDirectory,
    private readonly spool: LogSpool,
    private readonly onLost: () => void,
  ) {
    const { plane, log } = house;
    const { signal } = this.ending;
    const id = directory.executionId;
    this.shipper = new LogShipper(
      spool,
      (batch) => untilAnswered(() => plane.sendLogs(id, batch, signal), patienceFor(house, signal, `logs of ${id}`)),
      { entries: Math.min(house.logBatch(), MOST_ENTRIES), bytes: BATCH_BYTES, lingerMs: LINGER_MS },
      (what) => log.warn({ execution_id: id }, what),
      signal,
    );
    house.leaving.addEventListener('abort', this.leave);
    if (house.leaving.aborted) this.leave();
    this.shipping = this.ship();
  }

  /** Starts to send at once what is in the spool and what comes. `onLost` is told when the server has given the work away. */
  static async open(house: House, directory: ExecutionDirectory, onLost: () => void): Promise<Delivery> {
    return new Delivery(house, directory, await LogSpool.open(directory.log), onLost);
  }

  private get mostOutput(): number {
    return this.house.settings.runner.max_log_bytes;
  }

  get logEntries(): number {
    return this.spool.count;
  }

  /** A line of the runner itself in the execution's log. */
  async say(level: LogEntry['level'], text: string): Promise<void> {
    this.house.log[level]({ execution_id: this.directory.executionId }, text);
    await this.append(level, 'system', this.house.secrets.hide(text).split('\n').flatMap(pieces));
  }

  /** Lines of the agent; those beyond the limit are counted and left out. */
  async appendOutput(
    level: LogEntry['level'],
    stream: 'stdout' | 'stderr' | 'agent',
    lines: readonly string[],
  ): Promise<void> {
    const wasWhole = this.leftOut.lines === 0;
    const kept = lines.filter((line) => this.hasRoomFor(line));
    await this.append(level, stream, kept);
    if (wasWhole && this.leftOut.lines > 0)
      await this.say('warn', `truncated: there are more than ${String(this.mostOutput)} bytes of output.`);
  }

  /** Says what was left out, if anything, so that nothing is missing in silence. */
  async sayLeftOut(): Promise<void> {
    const { lines, bytes } = this.leftOut;
    if (lines > 0) await this.say('warn', `truncated: ${String(lines)} lines (${String(bytes)} bytes) were left out.`);
  }

  private hasRoomFor(line: string): boolean {
    const bytes = Buffer.byteLength(line) + 1;
    // Once cut it stays cut: what comes after a gap would read as if it belonged to what is before it.
    const fits = this.leftOut.lines === 0 && this.output + bytes <= this.mostOutput;
    if (fits) this.output += bytes;
    else this.leftOut = { lines: this.leftOut.lines + 1, bytes: this.leftOut.bytes + bytes };
    return fits;
  }

  async append(level: LogEntry['level'], stream: LogEntry['stream'], messages: readonly string[]): Promise<void> {
    const logged_at = this.house.clock.iso();
    await this.spool.append(messages.map((message) => ({ level, stream, message, logged_at })));
  }

  /** Resolves when everything said so far would survive a power cut. */
  sync(): Promise<void> {
    return this.spool.sync();
  }

  /** Sends the rest of the log, then the result. Rejects with Refused, or with the reason when waiting was given up. */
  async finish(finish: Finish): Promise<FinishAnswer> {
    this.shipper.close();
    await this.shipping;
    const { plane } = this.house;
    const id = this.directory.executionId;
    const { signal } = this.ending;
    return untilAnswered(() => plane.finish(id, finish, signal), patienceFor(this.house, signal, `result of ${id}`));
  }

  /** Stops whatever is under way. */
  async close(): Promise<void> {
    this.house.leaving.removeEventListener('abort', this.leave);
    this.ending.abort(new Error('the delivery was closed'));
    this.shipper.close();
    await this.shipping;
    await this.spool.close();
  }

  private async ship(): Promise<void> {
    try {
      await this.shipper.run();
    } catch (error) {
      if (this.ending.signal.aborted) return;
      // The result is still told: the server then marks the log as incomplete, or refuses the result for the same reason.
      this.house.log.warn(
        { execution_id: this.directory.executionId, err: error },
        'the log cannot be delivered further',
      );
      if (isLost(error)) this.onLost();
    }
  }

  private readonly leave = (): void => this.ending.abort(new Error('the runner is leaving'));
}
