import { newestFirst, type CommitPosition } from '../git/commits.service.js';

/** The commits of one repository, newest first. */
export interface History<Source> {
  source: Source;
  positions: readonly CommitPosition[];
}

export interface Candidate<Source> extends CommitPosition {
  source: Source;
}

/** A history and the index of what was not taken yet. */
interface Head<Source> extends History<Source> {
  next: number;
}

/** Several histories read as one, newest first; a commit that is in two of them comes once. */
export class MergedHistory<Source> {
  private readonly heads: Head<Source>[];
  private last: CommitPosition | null;

  /** Begins behind `after`, or at the newest. */
  constructor(histories: readonly History<Source>[], after: CommitPosition | null) {
    this.last = after;
    this.heads = histories.map(({ source, positions }) => ({
      source,
      positions,
      next: after === null ? 0 : firstAfter(positions, after),
    }));
  }

  /** The next commits, fewer than `count` only at the end. */
  take(count: number): Candidate<Source>[] {
    const taken: Candidate<Source>[] = [];
    while (taken.length < count) {
      const next = this.pop();
      if (next === null) break;
      if (next.sha === this.last?.sha) continue;
      this.last = next;
      taken.push(next);
    }
    return taken;
  }

  private pop(): Candidate<Source> | null {
    let newest: Head<Source> | undefined;
    let newestPosition: CommitPosition | undefined;
    for (const head of this.heads) {
      const position = head.positions[head.next];
      if (position === undefined) continue;
      if (newestPosition !== undefined && newestFirst(position, newestPosition) >= 0) continue;
      newest = head;
      newestPosition = position;
    }
    if (newest === undefined || newestPosition === undefined) return null;
    newest.next++;
    return { ...newestPosition, source: newest.source };
  }
}

/** Index of the first position that comes after `cursor`, by bisection. */
function firstAfter(positions: readonly CommitPosition[], cursor: CommitPosition): number {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const position = positions[middle];
    if (position !== undefined && newestFirst(position, cursor) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
