/** How many commits a branch has that another has not, and the other way round. */
export interface Divergence {
  ahead: number;
  behind: number;
}

/** From which of some commits others are reached, and how many that is true of. Most histories are long runs of the same. */
class Reached {
  count = 0;
  readonly isFull: boolean;

  constructor(
    private readonly bits: Uint32Array,
    private readonly length: number,
  ) {
    this.isFull = bits.every((word, at) => word === fullWord(length - (at << 5)));
  }

  static only(at: number, length: number): Reached {
    const bits = new Uint32Array((length + 31) >>> 5);
    bits[at >>> 5] = 1 << (at & 31);
    return new Reached(bits, length);
  }

  has(at: number): boolean {
    return ((this.bits[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0;
  }

  /** What is reached from any that either is reached from; one of the two where that is the same. */
  with(other: Reached): Reached {
    if (other === this || this.isFull) return this;
    if (other.isFull) return other;
    const bits = this.bits.map((word, at) => word | (other.bits[at] ?? 0));
    if (bits.every((word, at) => word === this.bits[at])) return this;
    if (bits.every((word, at) => word === other.bits[at])) return other;
    return new Reached(bits, this.length);
  }
}

const fullWord = (bits: number): number => (bits >= 32 ? 0xffffffff : 2 ** bits - 1);

/**
 * How several commits have parted from another one, told by one walk in which children come before their parents. Of
 * each commit that the walk has come to, but not over, it is known from which of them it is reached.
 */
export class Partings {
  private readonly pending = new Map<string, Reached>();
  private readonly counted: Reached[] = [];
  /** Of those that are pending, how many are not reached from all. */
  private open = 0;

  /** The first is the one that the others have parted from; each id once. */
  constructor(private readonly tips: readonly string[]) {
    tips.forEach((tip, at) => this.reach(tip, Reached.only(at, tips.length)));
  }

  /** Whether what is to come is reached from all, and changes nothing any more. */
  get isOver(): boolean {
    return this.open === 0;
  }

  /** Takes the next commit with its parents. */
  add(sha: string, parents: readonly string[]): void {
    const reached = this.pending.get(sha);
    // It is below something that was left out.
    if (reached === undefined) return;
    this.pending.delete(sha);
    if (!reached.isFull) {
      this.open -= 1;
      if (reached.count === 0) this.counted.push(reached);
      reached.count += 1;
    }
    for (const parent of parents) this.reach(parent, reached);
  }

  /** By the ids given first; null for those that the walk has not told of yet, unless it `ended`. */
  result(ended: boolean): Map<string, Divergence | null> {
    const isAll = ended || this.isOver;
    return new Map(this.tips.map((tip, at) => [tip, isAll || this.isSettled(at) ? this.divergence(at) : null]));
  }

  private reach(sha: string, from: Reached): void {
    const known = this.pending.get(sha);
    const reached = known?.with(from) ?? from;
    if (reached === known) return;
    this.pending.set(sha, reached);
    if (known?.isFull === false) this.open -= 1;
    if (!reached.isFull) this.open += 1;
  }

  private divergence(at: number): Divergence {
    const divergence = { ahead: 0, behind: 0 };
    for (const reached of this.counted)
      if (reached.has(at) !== reached.has(0)) divergence[reached.has(0) ? 'behind' : 'ahead'] += reached.count;
    return divergence;
  }

  /** Nothing that is pending is reached from one of the two alone. */
  private isSettled(at: number): boolean {
    for (const reached of this.pending.values()) if (reached.has(at) !== reached.has(0)) return false;
    return true;
  }
}
