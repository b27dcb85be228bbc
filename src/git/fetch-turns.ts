/** A fetch under way, and the one that those who came too late for it wait for. */
interface Turn {
  running: Promise<void>;
  next: Promise<void> | null;
  nextForced: boolean;
}

/** Fetches of each repository one after the other; those who ask together share one. */
export class FetchTurns {
  private readonly turns = new Map<string, Turn>();

  constructor(private readonly fetch: (repository_id: string, forced: boolean) => Promise<void>) {}

  /** Whether one is under way. */
  has(repository_id: string): boolean {
    return this.turns.has(repository_id);
  }

  /** Ends when a fetch has ended that began after this was called. Rejects with what it failed with. */
  enter(repository_id: string, forced: boolean): Promise<void> {
    const turn = this.turns.get(repository_id);
    if (turn === undefined) return this.begin(repository_id, forced);
    // The fetch under way may have read the source before what the caller wants to see was there.
    turn.nextForced ||= forced;
    turn.next ??= turn.running.then(noop, noop).then(() => this.begin(repository_id, turn.nextForced));
    return turn.next;
  }

  private begin(repository_id: string, forced: boolean): Promise<void> {
    const running = this.fetch(repository_id, forced);
    const turn: Turn = { running, next: null, nextForced: false };
    this.turns.set(repository_id, turn);
    const leave = (): void => {
      if (this.turns.get(repository_id) === turn && turn.next === null) this.turns.delete(repository_id);
    };
    running.then(leave, leave);
    return running;
  }
}

const noop = (): void => undefined;
