import { StringDecoder } from 'node:string_decoder';

/** Longest line of events that is read as a whole, in UTF-16 units; longer ones become log entries as they are. */
export const LONGEST_EVENT = 8 * 1024 * 1024;

/** Longest message of one log entry in bytes of UTF-8; longer lines become several entries. */
export const LONGEST_MESSAGE = 64 * 1024;

const encoder = new TextEncoder();
const scratch = new Uint8Array(LONGEST_MESSAGE);

/**
 * Cuts a byte stream into lines. Characters cut by a chunk's edge are put together, bytes that are no UTF-8 and NUL become
 * U+FFFD, escape sequences are kept. It never holds more than one line of the longest length.
 */
export class OutputLines {
  private readonly decoder = new StringDecoder('utf8');
  private rest = '';

  /** Lines up to `longest` UTF-16 units stay whole; by default each piece fits one log entry. */
  constructor(private readonly longest = LONGEST_MESSAGE) {}

  /** The lines this chunk completes. */
  push(chunk: Buffer): string[] {
    return this.take(clean(this.decoder.write(chunk)));
  }

  /** The last line, when the stream did not end with a line feed. */
  end(): string[] {
    const lines = this.take(clean(this.decoder.end()));
    const last = this.rest;
    this.rest = '';
    return last === '' ? lines : [...lines, ...this.whole(last)];
  }

  private take(text: string): string[] {
    const parts = text.split('\n');
    const lines: string[] = [];
    for (let index = 0; index < parts.length; index++) {
      const part = parts[index] ?? '';
      const line = index === 0 ? this.rest + part : part;
      if (index < parts.length - 1) lines.push(...this.whole(line.endsWith('\r') ? line.slice(0, -1) : line));
      else this.rest = line;
    }
    const most = this.rest.length > this.longest ? LONGEST_MESSAGE : this.longest;
    while (this.rest.length > most) {
      const length = fitting(this.rest);
      lines.push(this.rest.slice(0, length));
      this.rest = this.rest.slice(length);
    }
    return lines;
  }

  private whole(line: string): string[] {
    return this.longest > LONGEST_MESSAGE && line.length <= this.longest ? [line] : pieces(line);
  }
}

/** The text in pieces that each fit one entry; never cut inside a character. */
export function pieces(text: string): string[] {
  const found: string[] = [];
  let rest = text;
  // A UTF-16 unit takes at most three bytes, so most lines need no counting.
  while (rest.length * 3 > LONGEST_MESSAGE && Buffer.byteLength(rest) > LONGEST_MESSAGE) {
    const length = fitting(rest);
    found.push(rest.slice(0, length));
    rest = rest.slice(length);
  }
  found.push(rest);
  return found;
}

/** How many UTF-16 units fit; `encodeInto` stops before a character that does not. */
const fitting = (text: string): number => encoder.encodeInto(text, scratch).read;

// Before anything is measured: the replacement is longer than what it replaces.
const clean = (text: string): string => (text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text);
