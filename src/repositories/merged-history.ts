import { newestFirst, type CommitPosition } from '../git/commit-position.js';

/** Positions in their order, of which any part can be read. */
export interface Positions {
  /** Index of the first one that comes after the one given, which need not be there. */
  firstAfter(position: CommitPosition): Promise<number>;
  /** Up to `count` from an index on; fewer only at the end. */
  read(index: number, count: number): Promise<readonly CommitPosition[]>;
}

/** The commits of one repository, newest first. */
export interface History<Source> {
  source: Source;
  positions: Positions;
}

export interface Candidate<Source> extends CommitPosition {
  source: Source;
}

/** A history, and what was read of it but not taken yet. */
interface Head<Source> extends History<Source> {
  /** Index of what is to be read next. */
  index: number;
  read: readonly CommitPosition[];
  taken: number;
  over: boolean;
}

/** Several histories read as one, newest first; a commit that is in two of them comes once. */
export class MergedHistory<Source> {
  private heads: Head<Source>[] | null = null;
  private last: CommitPosition | null;

  /** Begins behind `after`, or at the newest. */
  constructor(
    private readonly histories: readonly History<Source>[],
    private readonly after: CommitPosition | null,
  ) {
    this.last = after;
  }

  /** The next commits, fewer than `count` only at the end. */
  async take(count: number): Promise<Candidate<Source>[]> {
    this.heads ??= await Promise.all(this.histories.map((history) => this.begin(history)));
    const taken: Candidate<Source>[] = [];
    while (taken.length < count) {
      for (const head of this.heads) if (!head.over && head.taken === head.read.length) await readOn(head, count + 1);
      const next = popNewest(this.heads);
      if (next === null) break;
      if (next.sha === this.last?.sha) continue;
      this.last = next;
      taken.push(next);
    }
    return taken;
  }

  private async begin({ source, positions }: History<Source>): Promise<Head<Source>> {
    const index = this.after === null ? 0 : await positions.firstAfter(this.after);
    return { source, positions, index, read: [], taken: 0, over: false };
  }
}

async function readOn(head: Head<unknown>, count: number): Promise<void> {
  const read = await head.positions.read(head.index, count);
  Object.assign(head, { read, taken: 0, index: head.index + read.length, over: read.length === 0 });
}

function popNewest<Source>(heads: readonly Head<Source>[]): Candidate<Source> | null {
  let newest: Head<Source> | undefined;
  let newestPosition: CommitPosition | undefined;
  for (const head of heads) {
    const position = head.read[head.taken];
    if (position === undefined) continue;
    if (newestPosition !== undefined && newestFirst(position, newestPosition) >= 0) continue;
    newest = head;
    newestPosition = position;
  }
  if (newest === undefined || newestPosition === undefined) return null;
  newest.taken += 1;
  return { ...newestPosition, source: newest.source };
}
