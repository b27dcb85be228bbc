import { readPushRequest, type PushRequest } from './push-commands.js';
import { GitRequestRefused } from './git.errors.js';

/** Length of the checksum that ends a pack: without it no pack is taken. */
const TRAILER = 20;

/** The body of a push whose commands have been read. */
export interface GuardedPush {
  request: PushRequest;
  /** The whole body, from its first byte. */
  body: AsyncIterable<Buffer>;
  /** Reads the rest and drops it: a client hears an answer only once it has said all. */
  discard: () => Promise<void>;
}

/**
 * Reads the commands off a push and gives the body on. Its last bytes are held back until `mayUpdate` has resolved:
 * Git updates references only once it has the whole pack, so this is the moment to ask again whether the
 * execution is still current, however long the upload took. No hook is needed for it.
 */
export async function guardPush(body: AsyncIterable<Buffer>, mayUpdate: () => Promise<void>): Promise<GuardedPush> {
  const chunks = body[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  for (;;) {
    const { value, done } = (await chunks.next()) as IteratorResult<Buffer, undefined>;
    if (done || value === undefined) throw new GitRequestRefused('invalid', 'The push ended before its commands did.');
    head = Buffer.concat([head, value]);
    const request = readPushRequest(head);
    if (request !== null) return { request, body: holdBack(head, chunks, mayUpdate), discard: () => drop(chunks) };
  }
}

async function* holdBack(
  head: Buffer,
  chunks: AsyncIterator<Buffer>,
  mayUpdate: () => Promise<void>,
): AsyncGenerator<Buffer> {
  let held = head;
  for (;;) {
    if (held.length > TRAILER) {
      yield held.subarray(0, held.length - TRAILER);
      held = held.subarray(-TRAILER);
    }
    const { value, done } = (await chunks.next()) as IteratorResult<Buffer, undefined>;
    if (done || value === undefined) break;
    held = Buffer.concat([held, value]);
  }
  await mayUpdate();
  yield held;
}

async function drop(chunks: AsyncIterator<Buffer>): Promise<void> {
  while (!(await chunks.next()).done);
}
