import type { FailureReason } from './protocol.js';

/** Failures that say more of the worker's machine than of the task. */
const OWN_HOUSE: readonly FailureReason[] = ['disk_full', 'worktree', 'git', 'agent_missing', 'auth'];
const MOST = 3;
const WITHIN_MS = 5 * 60_000;
/** After this it tries again by itself, where nobody could be told of the pause. */
const HELD_MS = 15 * 60_000;

/** Stops a worker that fails at everything it takes: others could do it. */
export class HouseGuard {
  private failures: { at: number; reason: FailureReason; message: string }[] = [];
  private held: { note: string; since: number } | null = null;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Why it takes nothing at the moment; null when it may. */
  get note(): string | null {
    if (this.held !== null && this.now() - this.held.since >= HELD_MS) this.held = null;
    return this.held?.note ?? null;
  }

  /** How an execution ended. Answers whether that was one too many. */
  count(reason: FailureReason | null, message: string): boolean {
    if (reason === null || !OWN_HOUSE.includes(reason)) {
      this.failures = [];
      return false;
    }
    const at = this.now();
    const recent = this.failures.filter((failure) => at - failure.at < WITHIN_MS);
    this.failures = [...recent, { at, reason, message: message.split('\n')[0] ?? '' }].slice(-MOST);
    if (this.failures.length < MOST || this.held !== null) return false;
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
