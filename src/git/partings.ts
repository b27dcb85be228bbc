/** How many commits a branch has that another has not, and the other way round. */
export interface Divergence {
  ahead: number;
  behind: number;
}

const BITS = 32;

/**
 * How several commits have parted from another one, told by one walk in which children come before their parents. Of
 * each commit that the walk has come to, but not over, it is known from which of them it is reached.
 */
export class Partings {
  private readonly pending = new Map<string, Uint32Array>();
  private readonly words: number;
  private readonly ahead: number[];
  private readonly behind: number[];
  /** Of those that are pending, how many are not reached from all. */
  private open = 0;

  /** The first is the one that the others have parted from; each id once. */
  constructor(private readonly tips: readonly string[]) {
    this.words = Math.ceil(tips.length / BITS);
    this.ahead = tips.map(() => 0);
    this.behind = tips.map(() => 0);
    tips.forEach((tip, at) => this.reach(tip, this.only(at)));
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
    if (!this.isFull(reached)) {
      this.open -= 1;
      this.count(reached);
    }
    for (const parent of parents) this.reach(parent, reached);
  }

  /** By the ids given first; null for those that the walk has not told of yet, unless it `ended`. */
  result(ended: boolean): Map<string, Divergence | null> {
    return new Map(
      this.tips.map((tip, at) => {
        const isKnown = ended || this.isOver || this.isSettled(at);
        return [tip, isKnown ? { ahead: this.ahead[at] ?? 0, behind: this.behind[at] ?? 0 } : null];
      }),
    );
  }

  private reach(sha: string, from: Uint32Array): void {
    const known = this.pending.get(sha);
    if (known === undefined) {
      this.pending.set(sha, from.slice());
      if (!this.isFull(from)) this.open += 1;
      return;
    }
    const wasFull = this.isFull(known);
    for (let word = 0; word < this.words; word += 1) known[word] = (known[word] ?? 0) | (from[word] ?? 0);
    if (!wasFull && this.isFull(known)) this.open -= 1;
  }

  private count(reached: Uint32Array): void {
    const ofBase = has(reached, 0);
    const counts = ofBase ? this.behind : this.ahead;
    for (let at = 1; at < this.tips.length; at += 1)
      if (has(reached, at) !== ofBase) counts[at] = (counts[at] ?? 0) + 1;
  }

  /** Nothing that is pending is reached from one of the two alone. */
  private isSettled(at: number): boolean {
    for (const reached of this.pending.values()) if (has(reached, at) !== has(reached, 0)) return false;
    return true;
  }

  private isFull(reached: Uint32Array): boolean {
    for (let word = 0; word < this.words; word += 1) {
      const bits = Math.min(BITS, this.tips.length - word * BITS);
      if (reached[word] !== (bits === BITS ? 0xffffffff : 2 ** bits - 1)) return false;
    }
    return true;
  }

  private only(at: number): Uint32Array {
    const reached = new Uint32Array(this.words);
    reached[Math.floor(at / BITS)] = 2 ** (at % BITS);
    return reached;
  }
}

const has = (reached: Uint32Array, at: number): boolean =>
  ((reached[Math.floor(at / BITS)] ?? 0) & (1 << (at % BITS))) !== 0;
