import { GitFailed } from './git.errors.js';
import { claimedSecond } from './commit-time.js';
import { newestFirst, POSITION_BYTES, writeOrder, type CommitPosition } from './commit-position.js';

const ID_BYTES = 20;
const ID_DIGITS = 2 * ID_BYTES;
const BATCH = 8192;
const [NEWLINE, SPACE, MINUS] = [0x0a, 0x20, 0x2d];
const DIGITS = /^\d+$/;
const NO_DIGIT = 0xff;
/** Values of hexadecimal digits by their bytes, as git writes ids. */
const VALUES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(byte));
  return value < 0 ? NO_DIGIT : value;
});

/** Ids of commits one after the other, as bytes. */
class Ids {
  private bytes = Buffer.alloc(1024 * ID_BYTES);
  length = 0;

  /** Takes the id whose digits begin at an offset. Throws GitFailed when none does. */
  push(digits: Buffer, from: number): void {
    let offset = this.length * ID_BYTES;
    if (offset === this.bytes.length) this.bytes = Buffer.concat([this.bytes, Buffer.alloc(offset)]);
    const { bytes } = this;
    for (let at = from; at < from + ID_DIGITS; at += 2, offset += 1) {
      const [high, low] = [VALUES[digits[at] ?? 0] ?? NO_DIGIT, VALUES[digits[at + 1] ?? 0] ?? NO_DIGIT];
      if (high === NO_DIGIT || low === NO_DIGIT) throw new GitFailed('damaged');
      bytes[offset] = (high << 4) | low;
    }
    this.length += 1;
  }

  at(index: number): Buffer {
    return this.bytes.subarray(index * ID_BYTES, (index + 1) * ID_BYTES);
  }

  copy(index: number, into: Buffer, offset: number): void {
    this.bytes.copy(into, offset, index * ID_BYTES, (index + 1) * ID_BYTES);
  }

  isSame(index: number, other: Ids, at: number): boolean {
    const [from, to] = [index * ID_BYTES, at * ID_BYTES];
    for (let byte = 0; byte < ID_BYTES; byte += 1) if (this.bytes[from + byte] !== other.bytes[to + byte]) return false;
    return true;
  }

  /** Ids are hashes, so that four bytes of one are as good a number as any. */
  hash(index: number): number {
    return this.bytes.readUInt32BE(index * ID_BYTES);
  }
}

/**
 * Commits as `git rev-list --timestamp --parents --boundary` tells of them, children mostly before their parents. They
 * are read and kept as bytes: a million of them have room, and whoever waits for a hundred thousand waits for git alone.
 */
export class WalkedCommits {
  /** Times of commits that the walk ended at, by their ids. */
  readonly boundary = new Map<string, number>();
  private readonly ids = new Ids();
  private readonly times: number[] = [];
  private readonly parents = new Ids();
  /** Where the parents of each commit begin. */
  private readonly begins: number[] = [];
  /** The beginning of a line whose end is still to come. */
  private rest: Buffer = Buffer.alloc(0);

  get length(): number {
    return this.times.length;
  }

  /** Takes the next part of what git says. Throws GitFailed for a line that tells of no commit. */
  take(part: Buffer): void {
    const bytes = this.rest.length === 0 ? part : Buffer.concat([this.rest, part]);
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      this.takeLine(bytes, from, end);
      from = end + 1;
    }
    this.rest = bytes.subarray(from);
  }

  private takeLine(bytes: Buffer, from: number, end: number): void {
    const space = bytes.indexOf(SPACE, from);
    const seconds = bytes.toString('latin1', from, Math.min(end, space));
    const isBoundary = bytes[space + 1] === MINUS;
    const begin = space + (isBoundary ? 2 : 1);
    if (space < 0 || !DIGITS.test(seconds) || (end - begin - ID_DIGITS) % (ID_DIGITS + 1) !== 0 || end < begin)
      throw new GitFailed('damaged');
    const at = claimedSecond(seconds);
    if (isBoundary) {
      this.boundary.set(bytes.toString('latin1', begin, begin + ID_DIGITS), at);
      return;
    }
    this.begins.push(this.parents.length);
    this.ids.push(bytes, begin);
    for (let parent = begin + ID_DIGITS; parent < end; parent += ID_DIGITS + 1) this.parents.push(bytes, parent + 1);
    this.times.push(at);
  }

  /** Everything in its order, as records; the depths of commits that the walk ended at are given. */
  *records(known: ReadonlyMap<string, number> = new Map()): Generator<Buffer> {
    const { order, depths } = this.sorted(known);
    for (let from = 0; from < order.length; from += BATCH) {
      const part = order.slice(from, from + BATCH);
      const bytes = Buffer.alloc(part.length * POSITION_BYTES);
      part.forEach((index, at) => {
        const offset = at * POSITION_BYTES;
        writeOrder(bytes, offset, this.times[index] ?? 0, depths[index] ?? 0);
        this.ids.copy(index, bytes, offset + POSITION_BYTES - ID_BYTES);
      });
      yield bytes;
    }
  }

  positions(known: ReadonlyMap<string, number>): CommitPosition[] {
    const { order, depths } = this.sorted(known);
    return order.map((index) => this.position(index, depths));
  }

  private sorted(known: ReadonlyMap<string, number>): { order: number[]; depths: Uint32Array } {
    const depths = this.depths(known);
    const { times } = this;
    const order = Array.from(times, (_, index) => index).sort(
      (a, b) =>
        (times[b] ?? 0) - (times[a] ?? 0) ||
        (depths[b] ?? 0) - (depths[a] ?? 0) ||
        newestFirst(this.position(a, depths), this.position(b, depths)),
    );
    return { order, depths };
  }

  private position(index: number, depths: Uint32Array): CommitPosition {
    return { at: this.times[index] ?? 0, depth: depths[index] ?? 0, sha: this.ids.at(index).toString('hex') };
  }

  private depths(known: ReadonlyMap<string, number>): Uint32Array {
    const depths = new Uint32Array(this.length);
    const isKnown = new Uint8Array(this.length);
    const find = this.finder();
    // From the end on, as most parents come after their children; the others, by wrong clocks, are gone to first.
    for (let last = this.length - 1; last >= 0; last -= 1)
      for (const open = [last]; open.length > 0;) {
        const index = open.at(-1) ?? last;
        const end = this.begins[index + 1] ?? this.parents.length;
        const before = open.length;
        let depth = 0;
        for (let at = this.begins[index] ?? end; at < end; at += 1) {
          const parent = find(at);
          if (parent >= 0 && isKnown[parent] === 0) open.push(parent);
          const below = parent < 0 ? known.get(this.parents.at(at).toString('hex')) : depths[parent];
          if (below !== undefined) depth = Math.max(depth, below + 1);
        }
        if (open.length > before) continue;
        depths[index] = depth;
        isKnown[index] = 1;
        open.pop();
      }
    return depths;
  }

  /** Finds the commit that a parent is, in a table of indices with open addresses; -1 for one that is not there. */
  private finder(): (parent: number) => number {
    const { ids, parents } = this;
    const size = 2 ** Math.ceil(Math.log2(2 * this.length + 2));
    const table = new Int32Array(size).fill(-1);
    for (let index = 0; index < this.length; index += 1) {
      let slot = ids.hash(index) % size;
      while ((table[slot] ?? -1) >= 0) slot = (slot + 1) % size;
      table[slot] = index;
    }
    return (parent) => {
      for (let slot = parents.hash(parent) % size; ; slot = (slot + 1) % size) {
        const index = table[slot] ?? -1;
        if (index < 0 || ids.isSame(index, parents, parent)) return index;
      }
    };
  }
}
