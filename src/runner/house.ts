import type { Logger } from 'pino';
import type { RunnerSettings } from '../config/runner.config.js';
import type { ControlPlane, Refused } from './control-plane.js';
import type { Git } from './git.js';
import type { HouseGuard } from './house-guard.js';
import type { Isolation } from './isolation/isolation.js';
import type { LauncherList } from './launcher-list.js';
import type { Patience } from './patience.js';
import type { PortBlocks } from './port-blocks.js';
import type { RefusedAccounts } from './refused-accounts.js';
import type { RepositoryCache } from './repository-cache.js';
import type { Secrets } from './secrets.js';
import type { ServerClock } from './server-clock.js';
import type { Sessions } from './sessions.js';

/** What all executions of one runner share. */
export interface House {
  readonly settings: RunnerSettings;
  /** The worker directory as an absolute path without links. */
  readonly directory: string;
  readonly plane: ControlPlane;
  readonly clock: ServerClock;
  readonly git: Git;
  readonly cache: RepositoryCache;
  readonly isolation: Isolation;
  readonly ports: PortBlocks;
  readonly guard: HouseGuard;
  /** Command-line agents it has told the server of. */
  readonly launchers: LauncherList;
  readonly accounts: RefusedAccounts;
  /** Of agents whose home goes with the execution. */
  readonly sessions: Sessions;
  readonly log: Logger;
  readonly secrets: Secrets;
  /** Most entries in a log batch, as the server told at registration. */
  readonly logBatch: () => number;
  /** Gets a new token in place of one that is no longer accepted. */
  readonly renew: (refused: Refused) => Promise<void>;
  /** Has the server told what the checkouts hold, soon. */
  readonly tellCheckouts: () => void;
  /** Fires when agents get no more time to end by themselves. */
  readonly hurry: AbortSignal;
  /** Fires when the runner, on its way out, no longer waits for a server that is away. */
  readonly leaving: AbortSignal;
}

/** Patience with the server that says in the log what it waits for. */
export const patienceFor = (house: House, signal: AbortSignal, what: string): Patience => ({
  signal,
  renew: house.renew,
  onWait: (error, tries) =>
    house.log.warn({ tries, reason: error.message }, `${what}: the server does not answer; trying on`),
});
