/** What a look at the outbox found. */
export interface OutboxLook {
  /** How many facts it placed. */
  placed: number;
  /** The last of them; null when there were none. */
  reached: string | null;
  /** The last number that had been drawn for a fact; 0 before the first, as a sequence that begins shows its first number. */
  last: string;
  /** Transactions with a smaller number may have begun to write. */
  next: string;
  /** Whether all those of the mark have ended. */
  over: boolean;
}

/** What is known before a look. */
export interface OutboxKnown {
  /** No fact with a smaller number is to come. */
  from: string;
  /** Of which transactions the look has to say whether they have ended. */
  next: string;
  /** Numbers up to this one were drawn by these; null when nothing is known of any. */
  upTo: bigint | null;
  /** The last number of which it is known that it was drawn. */
  drawn: bigint | null;
}

/**
 * Up to where the outbox is empty for good, so that who reads it passes over facts that have gone to their place: they stay
 * in the index for as long as somebody holds an old snapshot. A number that was drawn before a look belongs to a
 * transaction which had its own number then (`EventsStore.record`). Once all of these have ended, what can be seen up to
 * there is all there will be.
 */
export class OutboxFloor {
  private first = 0n;
  private drawn: bigint | null = null;
  private mark: { upTo: bigint; next: string } | null = null;

  /** To be asked before the look is. */
  get known(): OutboxKnown {
    const { mark, drawn } = this;
    return { from: this.first.toString(), next: mark?.next ?? '0', upTo: mark?.upTo ?? null, drawn };
  }

  /** Takes the answer of a look for at most `limit` facts. */
  saw(known: OutboxKnown, { placed, reached, last, next, over }: OutboxLook, limit: number): void {
    const drawn = BigInt(last);
    if (drawn + 1n < this.first) {
      // Another database, or the same as it was earlier.
      this.first = 0n;
      this.drawn = this.mark = null;
      return;
    }
    const { upTo } = known;
    if (upTo !== null && over) {
      const seen = placed < limit || reached === null || BigInt(reached) > upTo ? upTo : BigInt(reached);
      if (seen + 1n > this.first) this.first = seen + 1n;
    }
    if ((upTo === null || over) && known.drawn !== null) this.mark = { upTo: known.drawn, next };
    this.drawn = drawn;
  }
}
