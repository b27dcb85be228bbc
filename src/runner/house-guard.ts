import type { Blame } from './fault.js';
import type { FailureReason } from './protocol.js';

/** Failures that say more of the worker's machine than of the task. */
const OWN_HOUSE: readonly FailureReason[] = ['disk_full', 'worktree', 'git', 'agent_missing', 'auth'];
const MOST = 3;
const WITHIN_MS = 5 * 60_000;
/** After this it tries again by itself, where nobody could be told of the pause. */
const HELD_MS = 15 * 60_000;

/** How an execution failed. */
export interface Failure {
  readonly reason: FailureReason;
  readonly message: string;
  /** What brought it about; left out where it may be either. */
  readonly blame?: Blame | undefined;
  /** Whose work it was. What may be either is the worker's only when more than one meets it. */
  readonly of: string;
}

/** Stops a worker that fails at everything it takes: others could do it. */
export class HouseGuard {
  private failures: (Failure & { readonly at: number })[] = [];
  private held: { note: string; since: number } | null = null;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Why it takes nothing at the moment; null when it may. */
  get note(): string | null {
    if (this.held !== null && this.now() - this.held.since >= HELD_MS) this.held = null;
    return this.held?.note ?? null;
  }

  /** How an execution ended; null when it did not fail. Answers whether that was one too many. */
  count(failure: Failure | null): boolean {
    if (failure === null || !OWN_HOUSE.includes(failure.reason)) {
      this.failures = [];
      return false;
    }
    // Says nothing of this worker, neither good nor bad: no task stops it, and none keeps it from stopping.
    if (failure.blame === 'task') return false;
    const at = this.now();
    const recent = this.failures.filter((failure) => at - failure.at < WITHIN_MS);
    this.failures = [...recent, { ...failure, at, message: failure.message.split('\n')[0] ?? '' }].slice(-MOST);
    if (this.failures.length < MOST || this.held !== null || !isOwn(this.failures)) return false;
    const reasons = this.failures.map((failure) => failure.reason).join(', ');
    this.held = {
      note: `Paused by the worker itself: ${String(MOST)} failures of its own in a row (${reasons}), the last one: ${this.failures.at(-1)?.message ?? ''}`.slice(
        0,
        500,
      ),
      since: at,
    };
    this.failures = [];
    return true;
  }

  /** The server keeps the pause from here on: whoever resumes the worker there ends it. */
  handOver(): void {
    this.held = null;
  }
}

const isOwn = (failures: readonly Failure[]): boolean =>
  failures.some(({ blame }) => blame === 'worker') || new Set(failures.map((failure) => failure.of)).size > 1;
