import type { LogSpool } from './log-spool.js';
import type { LogEntry } from './protocol.js';

/** How long the result waits for what the server has not got yet of the log; the rest is then left out. */
export interface RestBounds {
  /** Time for sending, as long as the server answers. */
  readonly sendingMs: number;
  /** Time in all, a server that is away included. */
  readonly inAllMs: number;
}

const SENDING_MS = 15_000;
const HURRIED_MS = 5000;
/** Of a left-out rest the last entries are sent all the same: they tell how it ended. */
const LAST_ENTRIES = 100;
const LAST_BYTES = 512 * 1024;
const READ_BYTES = 1024 * 1024;

/** Whoever asked for an end does not wait for a log; otherwise it gets half of the time that is left. */
export function restBounds(isHurried: boolean, remainingMs: number): RestBounds {
  if (isHurried) return { sendingMs: HURRIED_MS, inAllMs: HURRIED_MS };
  return { sendingMs: SENDING_MS, inAllMs: Math.max(HURRIED_MS, remainingMs / 2) };
}

/** For what an earlier run has left: whether and until when it is waited for is not known any more. */
export const UNHURRIED: RestBounds = { sendingMs: SENDING_MS, inAllMs: Number.POSITIVE_INFINITY };

/** What goes into the log in place of everything from entry `from` on: how much is not there, and the end of it. */
export async function closingEntries(
  spool: LogSpool,
  from: number,
  logged_at: string,
): Promise<{ entries: LogEntry[]; leftOut: number }> {
  const last = await lastEntries(spool, Math.max(from, spool.count - LAST_ENTRIES));
  const leftOut = spool.count - from - last.length;
  if (leftOut === 0) return { entries: last, leftOut };
  const message = `truncated: ${String(leftOut)} lines were left out: there was no time to send them.`;
  return { entries: [{ level: 'warn', stream: 'system', message, logged_at }, ...last], leftOut };
}

async function lastEntries(spool: LogSpool, from: number): Promise<LogEntry[]> {
  const found: LogEntry[] = [];
  const end = spool.count;
  for (let position = await spool.find(from); position.seq < end;) {
    const slice = await spool.read(position, { entries: end - position.seq, bytes: READ_BYTES });
    found.push(...slice.entries);
    position = slice.next;
  }
  let bytes = 0;
  const first = found.findLastIndex((entry) => (bytes += Buffer.byteLength(JSON.stringify(entry))) > LAST_BYTES);
  return found.slice(first + 1);
}
