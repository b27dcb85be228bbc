import type { MiyabiClient } from '../client/client.js';
import type { CliSettings } from '../config/cli.config.js';
import type { Session } from './session.js';
import type { Terminal } from './terminal.js';

/** What every command works with. */
export interface Context {
  readonly settings: CliSettings;
  readonly session: Session;
  readonly terminal: Terminal;
  /** Ends what waits, on Ctrl-C. */
  readonly signal: AbortSignal;
  readonly client: () => Promise<MiyabiClient>;
}
