const QUIET_MS = 60_000;
const MOST_REMEMBERED = 10_000;

/** Which late words have been told of in the last minute: a zombie that calls in a loop is one fact, not thousands. */
export class StaleWrites {
  private readonly told = new Map<string, number>();

  /** Whether this one should be told. */
  shouldTell(executionId: string, now = Date.now()): boolean {
    const last = this.told.get(executionId);
    if (last !== undefined && now - last < QUIET_MS) return false;
    if (this.told.size >= MOST_REMEMBERED) this.told.clear();
    this.told.set(executionId, now);
    return true;
  }
}
