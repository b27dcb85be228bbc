import type { LauncherList } from './launcher-list.js';

const MOST = 3;
const WITHIN_MS = 5 * 60_000;

/**
 * Notices that a provider does not take the account of a command-line agent any more. What else the worker does goes on; of
 * that agent it gets nothing until somebody has signed it in. It sees so where the agent tells; where it does not, three
 * attempts are enough.
 */
export class RefusedAccounts {
  private readonly refusals = new Map<string, number[]>();

  constructor(
    private readonly launchers: LauncherList,
    /** Whether attempts count. Where they are of many organizations, one could keep the agent from the others with its own. */
    private readonly counts: boolean,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** How an attempt with this program ended. */
  count(program: string, end: { readonly outcome: string; readonly failure_reason?: string }): void {
    if (!this.launchers.has(program)) return;
    if (end.outcome === 'completed') this.refusals.delete(program);
    if (end.outcome !== 'failed' || end.failure_reason !== 'auth') return;
    const at = this.now();
    const recent = [...(this.refusals.get(program) ?? []).filter((one) => at - one < WITHIN_MS), at];
    this.refusals.set(program, recent);
    if (this.counts && recent.length >= MOST) {
      this.refusals.delete(program);
      this.launchers.doubt(program);
    }
    void this.launchers.lookSoon();
  }
}
