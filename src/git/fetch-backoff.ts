import type { DomainError } from '../domain-error.js';

// A source is left alone for as long as this many of its failures take, twice as long each time.
const TIMES = 10;
const LEAST_REMOTE_MS = 10_000;
const MOST_MS = 5 * 60_000;
// What fails as quickly as this on the own disk costs nothing, and people who mend it look at once.
const QUICK_MS = 1000;

interface Failure {
  fault: DomainError;
  count: number;
  until: number;
}

/** Sources that fail are not asked again for every look at them; what they failed with is the answer meanwhile. */
export class FetchBackoff {
  private readonly failures = new Map<string, Failure>();

  /** What a source that is to be left alone for now has failed with; null when it may be fetched. */
  find(repository_id: string): DomainError | null {
    const failure = this.failures.get(repository_id);
    return failure !== undefined && performance.now() < failure.until ? failure.fault : null;
  }

  failed(repository_id: string, fault: DomainError, { took_ms, local }: { took_ms: number; local: boolean }): void {
    const count = (this.failures.get(repository_id)?.count ?? 0) + 1;
    const once = local && took_ms < QUICK_MS ? 0 : Math.max(TIMES * took_ms, local ? 0 : LEAST_REMOTE_MS);
    const wait_ms = Math.min(MOST_MS, once * 2 ** (count - 1));
    this.failures.set(repository_id, { fault, count, until: performance.now() + wait_ms });
  }

  forget(repository_id: string): void {
    this.failures.delete(repository_id);
  }
}
