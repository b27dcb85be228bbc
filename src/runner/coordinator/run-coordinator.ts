import { loadCoordinatorSettings } from '../../config/coordinator.config.js';
import { ConfigurationFaults, type Environment } from '../../config/load.js';
import { LockHeld } from '../lock.js';
import { createLogger } from '../logger.js';
import { Membership } from '../membership.js';
import { NotRegistered } from '../registration.js';
import { Secrets } from '../secrets.js';
import { CoordinatorPlane } from './coordinator-plane.js';
import { Coordinator } from './coordinator.js';

/** As shells count a program that was interrupted. */
const INTERRUPTED = 130;

export interface CoordinatorStart {
  readonly environment: Environment;
  /** With what it registers where it has neither a key nor joined, asked each time. */
  readonly session: () => Promise<string>;
  /** The program that runs a worker, with its arguments. */
  readonly command: readonly string[];
}

/** Runs a coordinator in this process until all its workers have ended; answers the exit code. */
export async function runCoordinator({ environment, session, command }: CoordinatorStart): Promise<number> {
  const secrets = new Secrets();
  try {
    const settings = loadCoordinatorSettings(environment);
    const { name, directory } = settings.coordinator;
    const membership = await Membership.open(directory, { ...settings.runner, name });
    const plane = new CoordinatorPlane({
      url: settings.runner.url,
      means: async () => {
        const secret = membership.secret || (await session());
        secrets.add(secret);
        return secret;
      },
    });
    const log = createLogger(settings.runtime, secrets);
    const onToken = (token: string): void => secrets.add(token);
    const coordinator = new Coordinator({ settings, plane, membership, command, log, onToken });
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => coordinator.stop());
    // Started by a supervisor, whose death is no time to finish anything.
    process.on('disconnect', () => {
      coordinator.stop();
      coordinator.stop();
    });
    await coordinator.run();
    log.info('stopped');
    return coordinator.wasHurried ? INTERRUPTED : 0;
  } catch (error) {
    const isExpected = [ConfigurationFaults, LockHeld, NotRegistered].some((known) => error instanceof known);
    const text = isExpected ? (error as Error).message : String((error as Error).stack ?? error);
    process.stderr.write(`${secrets.hide(text)}\n`);
    return 1;
  }
}
