import { ConfigurationFaults, type Environment } from '../config/load.js';
import { loadRunnerSettings } from '../config/runner.config.js';
import { VERSION } from '../version.js';
import { IsolationUnavailable } from './isolation/isolation.js';
import { LockHeld } from './lock.js';
import { createLogger } from './logger.js';
import { NotRegistered } from './registration.js';
import { Runner } from './runner.js';
import { Secrets } from './secrets.js';

/** Runs a worker in this process until it is told to stop; answers the exit code. */
export async function runWorker(environment: Environment): Promise<number> {
  const secrets = new Secrets();
  let sayer = '';
  try {
    const settings = loadRunnerSettings(environment);
    const { log_name: worker } = settings.supervised;
    if (worker !== '') sayer = `${worker}: `;
    const log = createLogger(settings.runtime, secrets, { worker });
    const runner = new Runner(settings, VERSION, log, secrets);
    const stop = (): void => runner.stop();
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    process.on('SIGHUP', stop);
    // Started by a supervisor: its death must not leave agents behind.
    process.on('disconnect', stop);
    await runner.run();
    log.info('stopped');
    return 0;
  } catch (error) {
    const isExpected = [ConfigurationFaults, IsolationUnavailable, LockHeld, NotRegistered].some(
      (known) => error instanceof known,
    );
    const text = isExpected && error instanceof Error ? error.message : describe(error);
    process.stderr.write(`${sayer}${secrets.hide(text)}\n`);
    return 1;
  }
}

const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
