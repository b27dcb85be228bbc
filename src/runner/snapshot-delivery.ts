import type { Look, Snapshot } from './checkout-look.js';
import type { Remote } from './git-transport.js';
import { sendSnapshot, type SnapshotAnswer } from './send-snapshot.js';

/** How often the server is told that nothing has changed. */
const REPEAT_MS = 60_000;
/** The longest that is waited after one that was not taken. */
const LONGEST_MS = 10 * 60_000;

interface Told {
  readonly mark: string;
  readonly tree: string;
  readonly commitSha: string;
  /** Since when the server knows that it is so. */
  readonly at: number;
}

/** Keeps the server told of what a checkout holds, and leaves it alone for a while when it does not take that. */
export class SnapshotDelivery {
  /** The snapshot that the server has. */
  private told: Told | null = null;
  /** What it will not take however often it comes. */
  private refused: Pick<Told, 'mark' | 'tree'> | null = null;
  /** A server of the version before has no place for them. */
  private isKnown = true;
  private failures = 0;
  private notBefore = 0;

  constructor(
    private readonly remote: Remote | null,
    private readonly everyMs: number,
    private readonly signal: AbortSignal,
  ) {}

  /** Whether the snapshot of what a look has found last is still to be made, though nothing has changed since. */
  isOwed(mark: string | null): boolean {
    return this.isOpen && this.told?.mark !== mark && this.refused?.mark !== mark;
  }

  /** Tells what a look has found, of which `make` makes the snapshot. Rejects when the server cannot be reached. */
  async tell({ mark, tree }: Look, make: () => Promise<Snapshot | null>): Promise<void> {
    // A file that was written anew as it was has another mark, and is the same.
    if (this.told?.tree === tree) {
      this.told = { ...this.told, mark };
      await this.repeat();
      return;
    }
    if (this.refused?.tree === tree) this.refused = { mark, tree };
    if (!this.isOpen || this.refused?.tree === tree) return;
    const snapshot = await make();
    if (snapshot === null) return;
    const answer = await this.send(snapshot);
    if (answer === 'taken') this.told = { mark, tree, commitSha: snapshot.commitSha, at: performance.now() };
    if (answer === 'refused') this.refused = { mark, tree };
  }

  /** Tells now and then that it is still as it was. */
  async repeat(): Promise<void> {
    const { told } = this;
    if (told === null || !this.isOpen || performance.now() - told.at < REPEAT_MS) return;
    const answer = await this.send({ commitSha: told.commitSha, pack: null });
    // It may have lost what it had: then it is given the whole.
    this.told = answer === 'taken' ? { ...told, at: performance.now() } : null;
  }

  private get isOpen(): boolean {
    return this.remote !== null && this.isKnown && performance.now() >= this.notBefore;
  }

  private async send(snapshot: Snapshot): Promise<SnapshotAnswer['kind']> {
    if (this.remote === null) return 'unknown';
    try {
      const answer = await sendSnapshot(this.remote, snapshot, this.signal);
      if (answer.kind === 'unknown') this.isKnown = false;
      if (answer.kind === 'taken') this.failures = 0;
      else this.wait(answer.kind === 'later' ? answer.seconds * 1000 : 0);
      return answer.kind;
    } catch (error) {
      this.wait(0);
      throw error;
    }
  }

  private wait(atLeastMs: number): void {
    this.failures += 1;
    const growing = this.everyMs * 2 ** Math.min(this.failures, 10);
    this.notBefore = performance.now() + Math.min(LONGEST_MS, Math.max(atLeastMs, growing));
  }
}
