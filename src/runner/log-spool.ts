import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { LogEntry } from './protocol.js';

const { O_RDWR, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;

/** A place in the spool: entry `seq` begins at byte `byte`. */
export interface SpoolPosition {
  readonly seq: number;
  readonly byte: number;
}

export interface SpoolSlice {
  readonly entries: LogEntry[];
  readonly next: SpoolPosition;
}

/** Somebody else wrote to the file: what is in it can no longer be called the log. */
export class SpoolDamaged extends Error {
  constructor(what: string) {
    super(`the spooled log was damaged from outside: ${what}`);
    this.name = 'SpoolDamaged';
  }
}

const START: SpoolPosition = { seq: 0, byte: 0 };
const LINE_FEED = 10;
/** Most bytes read at once; above the longest entry (64 KiB that JSON escapes six-fold). */
const WINDOW = 1024 * 1024;

/**
 * The log of one execution as a file of JSON lines: nothing is kept in memory, and it survives the runner. Read through the
 * descriptor that wrote it, so that removing or replacing the file changes nothing; emptying it is noticed.
 */
export class LogSpool {
  private writing: Promise<void> = Promise.resolve();
  private readonly watchers = new Set<() => void>();

  private constructor(
    private readonly file: FileHandle,
    private end: SpoolPosition,
  ) {}

  /** Opens or creates the file. Half a line that a crash left at its end is cut off: it never was an entry. */
  static async open(path: string): Promise<LogSpool> {
    // A link in its place would make the runner cut a file of somebody else.
    const file = await open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
    const spool = new LogSpool(file, START);
    spool.end = await spool.walk(Number.POSITIVE_INFINITY);
    await file.truncate(spool.end.byte);
    return spool;
  }

  /** How many entries there are, which is the `seq` of the next one. */
  get count(): number {
    return this.end.seq;
  }

  /** How many bytes they take. */
  get size(): number {
    return this.end.byte;
  }

  /** Resolves when the entries are in the file; waiting for it is what slows down an agent that writes too fast. */
  append(entries: readonly LogEntry[]): Promise<void> {
    const written = this.writing.then(async () => {
      if (entries.length === 0) return;
      const bytes = Buffer.from(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
      await this.file.appendFile(bytes);
      this.end = { seq: this.end.seq + entries.length, byte: this.end.byte + bytes.length };
      this.watchers.forEach((wake) => wake());
    });
    // A failed write is its caller's to handle; the next one starts afresh after what the failed one may have left.
    this.writing = written.catch(() => this.cutBack());
    return written;
  }

  /** Entries from a position on, as many as fit. Rejects with SpoolDamaged when they are no longer there. */
  async read(from: SpoolPosition, most: { entries: number; bytes: number }): Promise<SpoolSlice> {
    // What is appended meanwhile belongs to the next read.
    const { end } = this;
    await this.checkSize(end.byte);
    const length = Math.min(end.byte - from.byte, Math.min(most.bytes, WINDOW));
    const buffer = Buffer.alloc(Math.max(length, 0));
    const { bytesRead } = await this.file.read(buffer, 0, buffer.length, from.byte);
    const entries: LogEntry[] = [];
    let used = 0;
    while (entries.length < most.entries) {
      const stop = buffer.indexOf(LINE_FEED, used);
      if (stop === -1 || stop >= bytesRead) break;
      entries.push(parsed(buffer.toString('utf8', used, stop)));
      used = stop + 1;
    }
    // Without an entry where one was counted, whoever reads on would ask for ever.
    if (entries.length === 0 && from.seq < end.seq) throw new SpoolDamaged('an entry is no longer there');
    return { entries, next: { seq: from.seq + entries.length, byte: from.byte + used } };
  }

  /** The position of an entry; the end when there are not so many. */
  async find(seq: number): Promise<SpoolPosition> {
    return seq >= this.end.seq ? this.end : this.walk(seq);
  }

  /** Resolves with the next append or when the signal fires. */
  async waitForMore(after: number, signal: AbortSignal): Promise<void> {
    if (this.count > after || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.watchers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.watchers.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  /** Makes what was written survive a power cut. */
  async sync(): Promise<void> {
    await this.writing;
    await this.file.sync();
  }

  async close(): Promise<void> {
    await this.writing;
    await this.file.close();
  }

  private async checkSize(end: number): Promise<void> {
    const { size } = await this.file.stat();
    if (size < end) throw new SpoolDamaged(`it has ${String(size)} of ${String(end)} bytes`);
  }

  private async cutBack(): Promise<void> {
    // Without room on the disk not even this may succeed; a torn line is then dropped when the spool is next opened.
    await this.file.truncate(this.end.byte).catch(() => undefined);
  }

  /** Counts line feeds up to an entry or the end of the file. */
  private async walk(seq: number): Promise<SpoolPosition> {
    const buffer = Buffer.alloc(WINDOW);
    let position = START;
    for (let offset = 0; position.seq < seq;) {
      const { bytesRead } = await this.file.read(buffer, 0, WINDOW, offset);
      if (bytesRead === 0) break;
      let stop = buffer.indexOf(LINE_FEED);
      while (stop !== -1 && stop < bytesRead && position.seq < seq) {
        position = { seq: position.seq + 1, byte: offset + stop + 1 };
        stop = buffer.indexOf(LINE_FEED, stop + 1);
      }
      offset += bytesRead;
    }
    return position;
  }
}

function parsed(line: string): LogEntry {
  try {
    return JSON.parse(line) as LogEntry;
  } catch {
    throw new SpoolDamaged('an entry cannot be read');
  }
}
