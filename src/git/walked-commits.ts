import { GitFailed } from './git.errors.js';
import { claimedSecond } from './commit-time.js';
import { newestFirst, POSITION_BYTES, writePosition, type CommitPosition } from './commit-position.js';

const ID_BYTES = 20;
const LINE = /^(\d+) (-?)([0-9a-f]{40})((?: [0-9a-f]{40})*)$/;
const BATCH = 8192;

/** Ids of commits one after the other, as bytes. */
class Ids {
  private bytes = Buffer.alloc(1024 * ID_BYTES);
  length = 0;

  push(id: string): void {
    const offset = this.length * ID_BYTES;
    if (offset === this.bytes.length) this.bytes = Buffer.concat([this.bytes, Buffer.alloc(offset)]);
    this.bytes.write(id, offset, 'hex');
    this.length += 1;
  }

  at(index: number): Buffer {
    return this.bytes.subarray(index * ID_BYTES, (index + 1) * ID_BYTES);
  }

  /** Ids are hashes, so that four bytes of one are as good a number as any. */
  hash(index: number): number {
    return this.bytes.readUInt32BE(index * ID_BYTES);
  }
}

/**
 * Commits as `git rev-list --timestamp --parents --boundary` tells of them, children mostly before their parents. What is kept of each is its facts as bytes, so that a million of them have room.
 */
export class WalkedCommits {
  /** Times of commits that the walk ended at, by their ids. */
  readonly boundary = new Map<string, number>();
  private readonly ids = new Ids();
  private readonly times: number[] = [];
  private readonly parents = new Ids();
  /** Where the parents of each commit begin. */
  private readonly begins: number[] = [];

  get length(): number {
    return this.times.length;
  }

  /** Takes a line. Throws GitFailed for one that is none. */
  add(line: string): void {
    const [, seconds, mark, id, parents = ''] = LINE.exec(line) ?? [];
    if (id === undefined) throw new GitFailed('damaged');
    const at = claimedSecond(seconds ?? '');
    if (mark === '-') {
      this.boundary.set(id, at);
      return;
    }
    this.ids.push(id);
    this.times.push(at);
    this.begins.push(this.parents.length);
    for (let offset = 1; offset < parents.length; offset += 41) this.parents.push(parents.slice(offset, offset + 40));
  }

  /** Everything in its order, as records; the depths of commits that the walk ended at are given. */
  *records(known: ReadonlyMap<string, number> = new Map()): Generator<Buffer> {
    const { order, depths } = this.sorted(known);
    for (let from = 0; from < order.length; from += BATCH) {
      const part = order.slice(from, from + BATCH);
      const bytes = Buffer.alloc(part.length * POSITION_BYTES);
      part.forEach((index, at) => writePosition(bytes, at * POSITION_BYTES, this.position(index, depths)));
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
          const parent = find(this.parents.at(at), this.parents.hash(at));
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

  /** Finds the index of a commit by its id: a table of indices with open addresses; -1 for one that is not there. */
  private finder(): (id: Buffer, hash: number) => number {
    const size = 2 ** Math.ceil(Math.log2(2 * this.length + 2));
    const table = new Int32Array(size).fill(-1);
    for (let index = 0; index < this.length; index += 1) {
      let slot = this.ids.hash(index) % size;
      while ((table[slot] ?? -1) >= 0) slot = (slot + 1) % size;
      table[slot] = index;
    }
    return (id, hash) => {
      for (let slot = hash % size; ; slot = (slot + 1) % size) {
        const index = table[slot] ?? -1;
        if (index < 0 || this.ids.at(index).equals(id)) return index;
      }
    };
  }
}
