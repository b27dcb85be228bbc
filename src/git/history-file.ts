import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { newId } from '../ids.js';
import { newestFirst, POSITION_BYTES, readPosition, writePosition, type CommitPosition } from './commit-position.js';

const ID_BYTES = 20;
const FOOTER_BYTES = 16;
const MARK = 'history2';
/** Positions in one reading of a file that is gone through. */
const BATCH = 8192;

/**
 * The commits of a history in their order, in a file of records of equal length. Any page is found by bisection, so
 * that the first and the last cost the same. Behind the records are the ids of the commits that the history begins at,
 * and a footer, without which a file is not whole.
 */
export class HistoryFile {
  private constructor(
    private readonly file: FileHandle,
    readonly length: number,
    private readonly tipCount: number,
  ) {}

  /** Null when there is no such file, or it is not whole. */
  static async open(path: string): Promise<HistoryFile | null> {
    const file = await open(path, 'r').catch(() => null);
    if (file === null) return null;
    try {
      const { size } = await file.stat();
      const footer = await bytesAt(file, size - FOOTER_BYTES, FOOTER_BYTES);
      const [length, tips] = [footer.readUInt32BE(8), footer.readUInt32BE(12)];
      const isWhole = footer.toString('latin1', 0, 8) === MARK && size === sizeOf(length, tips);
      if (isWhole) return new HistoryFile(file, length, tips);
    } catch {
      // Shorter than a footer: what a crash has left is made again.
    }
    await file.close();
    return null;
  }

  close(): Promise<void> {
    return this.file.close();
  }

  /** Ids of the commits that the history begins at. */
  async tips(): Promise<string[]> {
    const bytes = await bytesAt(this.file, this.length * POSITION_BYTES, this.tipCount * ID_BYTES);
    return Array.from({ length: this.tipCount }, (_, at) => bytes.toString('hex', at * ID_BYTES, (at + 1) * ID_BYTES));
  }

  /** Up to `count` positions from an index on. */
  async read(index: number, count: number): Promise<CommitPosition[]> {
    const bytes = await this.records(index, count);
    return Array.from({ length: bytes.length / POSITION_BYTES }, (_, at) => readPosition(bytes, at * POSITION_BYTES));
  }

  /** Index of the first position that comes after the one given, which need not be there. */
  async firstAfter(position: CommitPosition): Promise<number> {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const [found] = await this.read(middle, 1);
      if (found !== undefined && newestFirst(found, position) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The depth of a commit of which only time and id are known; null when it is not there. */
  async depthOf(at: number, sha: string): Promise<number | null> {
    let index = await this.firstAfter({ at: at + 1, depth: 0, sha: '' });
    for (;;) {
      const positions = await this.read(index, BATCH);
      const found = positions.find((position) => position.at !== at || position.sha === sha);
      if (found !== undefined) return found.at === at ? found.depth : null;
      if (positions.length < BATCH) return null;
      index += positions.length;
    }
  }

  /** Whether a commit is in it, wherever; reads all of it. */
  async includes(sha: string): Promise<boolean> {
    const id = Buffer.from(sha, 'hex');
    for await (const batch of this.batches()) if (batch.includes(id)) return true;
    return false;
  }

  /** The positions of some commits, in their order; of those that are not there none. */
  async positionsOf(ids: ReadonlySet<string>): Promise<CommitPosition[]> {
    const found: CommitPosition[] = [];
    for (let index = 0; index < this.length && found.length < ids.size; index += BATCH)
      found.push(...(await this.read(index, BATCH)).filter(({ sha }) => ids.has(sha)));
    return found;
  }

  /** All records in batches, as bytes. */
  async *batches(): AsyncGenerator<Buffer> {
    for (let index = 0; index < this.length; index += BATCH) yield await this.records(index, BATCH);
  }

  private records(index: number, count: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(count, this.length - index));
    return bytesAt(this.file, index * POSITION_BYTES, wanted * POSITION_BYTES);
  }
}

/** Writes a file that is there whole or not at all. The records come in batches, in their order. */
export async function writeHistory(
  path: string,
  tips: readonly string[],
  batches: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<void> {
  const draft = `${path}.${newId()}.new`;
  const file = await open(draft, 'wx', 0o600);
  try {
    let length = 0;
    for await (const batch of batches) {
      await file.appendFile(batch);
      length += batch.length / POSITION_BYTES;
    }
    const footer = Buffer.alloc(FOOTER_BYTES);
    footer.write(MARK, 'latin1');
    footer.writeUInt32BE(length, 8);
    footer.writeUInt32BE(tips.length, 12);
    await file.appendFile(Buffer.concat([...tips.map((tip) => Buffer.from(tip, 'hex')), footer]));
    // A file that a crash of the machine has left empty would be of the right length.
    await file.datasync();
    await file.close();
    await rename(draft, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(draft, { force: true });
    throw error;
  }
}

/** Records with some left out and others put in; those to leave out and those to put in are sorted. */
export async function* changedRecords(
  records: AsyncIterable<Buffer>,
  without: readonly CommitPosition[],
  added: readonly CommitPosition[],
): AsyncGenerator<Buffer> {
  let [skip, put] = [0, 0];
  for await (const batch of records) {
    const parts: Buffer[] = [];
    let kept = 0;
    const keepUntil = (offset: number): void => {
      if (offset > kept) parts.push(batch.subarray(kept, offset));
      kept = offset;
    };
    for (let offset = 0; offset < batch.length;) {
      const next = firstOf(without[skip], added[put]);
      if (next === undefined) break;
      // Most of a history stays as it is: on to the place of the next change.
      offset = firstAtOrAfter(batch, offset, next);
      keepUntil(offset);
      if (offset >= batch.length) break;
      if (next === added[put]) {
        parts.push(recordOf(next));
        put += 1;
      } else {
        if (readPosition(batch, offset).sha === next.sha) kept = offset += POSITION_BYTES;
        skip += 1;
      }
    }
    keepUntil(batch.length);
    yield Buffer.concat(parts);
  }
  yield Buffer.concat(added.slice(put).map(recordOf));
}

/** The one that comes first of those there are. */
function firstOf(one: CommitPosition | undefined, other: CommitPosition | undefined): CommitPosition | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return newestFirst(one, other) <= 0 ? one : other;
}

/** Offset of the first record of a batch that is not before the position. */
function firstAtOrAfter(batch: Buffer, from: number, position: CommitPosition): number {
  let low = from / POSITION_BYTES;
  let high = batch.length / POSITION_BYTES;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (newestFirst(readPosition(batch, middle * POSITION_BYTES), position) < 0) low = middle + 1;
    else high = middle;
  }
  return low * POSITION_BYTES;
}

export function recordOf(position: CommitPosition): Buffer {
  const bytes = Buffer.alloc(POSITION_BYTES);
  writePosition(bytes, 0, position);
  return bytes;
}

const sizeOf = (length: number, tips: number): number => length * POSITION_BYTES + tips * ID_BYTES + FOOTER_BYTES;

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  if (bytesRead < length) throw new Error('a file is shorter than it says');
  return bytes;
}
