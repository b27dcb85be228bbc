import type { Logger } from 'pino';
import type { Isolation } from './isolation/isolation.js';
import { detectLaunchers } from './launchers.js';
import { pause } from './patience.js';
import type { Launcher } from './protocol.js';

export interface LauncherListParts {
  readonly isolation: Isolation;
  /** The worker's directory. */
  readonly directory: string;
  readonly accounts: Readonly<Record<string, string>>;
  readonly log: Logger;
}

/** After this one that was refused is tried again. */
const DOUBTED_MS = 15 * 60_000;

/** What this worker has told the server of its command-line agents, and what has changed since. */
export class LauncherList {
  private found: readonly Launcher[] = [];
  private told = '[]';
  private readonly doubted = new Map<string, number>();
  private looking: Promise<void> | null = null;

  constructor(
    private readonly parts: LauncherListParts,
    private readonly now: () => number = () => performance.now(),
  ) {}

  get current(): readonly Launcher[] {
    return this.found.map((one) => (this.isDoubted(one.name) ? { ...one, signed_in: false } : one));
  }

  /** Whether a command starts with one of them. */
  has(program: string): boolean {
    return this.found.some(({ name }) => name === program);
  }

  /** Those the server does not know of yet; null when it knows all. */
  get news(): readonly Launcher[] | null {
    const { current } = this;
    return JSON.stringify(current) === this.told ? null : current;
  }

  /** The server knows these. */
  wereTold(launchers: readonly Launcher[]): void {
    this.told = JSON.stringify(launchers);
  }

  /** For a while it counts as signed out, whatever it says itself: its provider does not take the account. */
  doubt(name: string): void {
    this.doubted.set(name, this.now() + DOUBTED_MS);
    this.parts.log.warn(
      { launcher: name },
      'its account is refused again and again; it counts as signed out for a while',
    );
  }

  /** Looks in the background, unless that is under way. */
  lookSoon(): Promise<void> {
    return (this.looking ??= this.detect().finally(() => (this.looking = null)));
  }

  private isDoubted(name: string): boolean {
    return (this.doubted.get(name) ?? -Infinity) > this.now();
  }

  /** Looks what there is. Where that cannot be done, what was found before stands. */
  async detect(): Promise<void> {
    const { isolation, directory, accounts, log } = this.parts;
    const before = JSON.stringify(this.found);
    try {
      this.found = await detectLaunchers(isolation, directory, accounts);
      if (JSON.stringify(this.found) !== before) log.info({ launchers: this.found }, 'command-line agents');
    } catch (error) {
      log.warn({ err: error }, 'it could not be seen which command-line agents there are');
    }
  }

  /** Looks again and again until the signal fires: what is installed or signed in meanwhile is told with a heartbeat. */
  async watch(seconds: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      await pause(seconds * 1000, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.detect();
    }
  }
}
