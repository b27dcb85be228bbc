import type { LogEntry } from './protocol.js';

/** Beyond the limit the last lines are kept all the same: they tell how it ended. */
const LAST_LINES = 100;
const LAST_BYTES = 64 * 1024;

export interface OutputBounds {
  /** Bytes as they are stored, with what is stored beside each line. */
  readonly bytes: number;
  readonly entries: number;
}

interface Held {
  readonly entry: LogEntry;
  readonly bytes: number;
}

/** How much of an agent's output goes into its log. What is left out is counted, but for its last lines. */
export class OutputLimit {
  private bytes = 0;
  private entries = 0;
  private isCut = false;
  private last: Held[] = [];
  private lastBytes = 0;
  /** What was left out since that was said. */
  private gap = { lines: 0, bytes: 0 };
  private lines = 0;

  constructor(private readonly bounds: OutputBounds) {}

  /** Whether the log takes no more. */
  get isReached(): boolean {
    return this.isCut;
  }

  /** Lines that are not in the log, those included that may still come as the last ones. */
  get leftOut(): number {
    return this.lines + this.gap.lines + this.last.length;
  }

  /** Those of the entries that the log takes. */
  take(entries: readonly LogEntry[]): LogEntry[] {
    return entries.filter((entry) => this.hasRoomFor(entry));
  }

  /** What was left out since this was asked last, and the last lines of it, which belong into the log behind that. */
  end(): { lines: number; bytes: number; last: LogEntry[] } {
    const { gap, last } = this;
    this.lines += gap.lines;
    this.gap = { lines: 0, bytes: 0 };
    this.last = [];
    this.lastBytes = 0;
    return { ...gap, last: last.map(({ entry }) => entry) };
  }

  private hasRoomFor(entry: LogEntry): boolean {
    // Once cut it stays cut: what comes after a gap would read as if it belonged to what is before it.
    if (!this.isCut) {
      const bytes = Buffer.byteLength(JSON.stringify(entry)) + 1;
      this.isCut = this.bytes + bytes > this.bounds.bytes || this.entries >= this.bounds.entries;
      if (!this.isCut) {
        this.bytes += bytes;
        this.entries += 1;
        return true;
      }
    }
    this.hold(entry);
    return false;
  }

  private hold(entry: LogEntry): void {
    const bytes = Buffer.byteLength(entry.message) + 1;
    this.last.push({ entry, bytes });
    this.lastBytes += bytes;
    while (this.last.length > LAST_LINES || this.lastBytes > LAST_BYTES) {
      const dropped = this.last.shift();
      if (dropped === undefined) return;
      this.lastBytes -= dropped.bytes;
      this.gap = { lines: this.gap.lines + 1, bytes: this.gap.bytes + dropped.bytes };
    }
  }
}
