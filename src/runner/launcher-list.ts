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

/** What this worker has told the server of its command-line agents, and what has changed since. */
export class LauncherList {
  private found: readonly Launcher[] = [];
  private told = '[]';

  constructor(private readonly parts: LauncherListParts) {}

  get current(): readonly Launcher[] {
    return this.found;
  }

  /** Whether a command starts with one of them. */
  has(program: string): boolean {
    return this.found.some(({ name }) => name === program);
  }

  /** Those the server does not know of yet; null when it knows all. */
  get news(): readonly Launcher[] | null {
    return JSON.stringify(this.found) === this.told ? null : this.found;
  }

  /** The server knows these. */
  wereTold(launchers: readonly Launcher[]): void {
    this.told = JSON.stringify(launchers);
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
