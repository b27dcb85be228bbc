import type { Environment } from '../../config/load.js';
import { runCoordinator } from '../../runner/coordinator/run-coordinator.js';
import { readMembership } from '../../runner/membership.js';
import type { Context } from '../context.js';

/** Options of `miyabi coordinator`; each stands for a variable of docs/configuration.md. */
export interface CoordinatorOptions {
  name?: string;
  dir?: string;
  workers?: string;
  capacity?: string;
  labels?: string;
}

const VARIABLES = {
  name: 'MIYABI_COORDINATOR_NAME',
  dir: 'MIYABI_COORDINATOR_DIR',
  workers: 'MIYABI_COORDINATOR_WORKERS',
  capacity: 'MIYABI_CAPACITY',
  labels: 'MIYABI_LABELS',
} as const;

/** `miyabi coordinator`: supervises the workers of this host until it is told to stop. Answers the exit code. */
export async function coordinator(context: Context, options: CoordinatorOptions): Promise<number> {
  const { settings, session } = context;
  const given = Object.entries(VARIABLES).flatMap(([option, variable]) => {
    const value = options[option as keyof CoordinatorOptions];
    return value === undefined ? [] : [[variable, value] as const];
  });
  const directory = options.dir ?? settings.coordinator_directory;
  const url = await session.url();
  const environment: Environment = {
    ...settings.environment,
    ...Object.fromEntries(given),
    MIYABI_COORDINATOR_DIR: directory,
    MIYABI_URL: url,
  };
  const hasMeans = [environment['MIYABI_KEY'], environment['MIYABI_JOIN_TOKEN']].some((means) => (means ?? '') !== '');
  const joined = (await readMembership(directory))?.url === url;
  // Who is not signed in hears of it before anything is started.
  if (!hasMeans && !joined) await session.token(url);
  return runCoordinator({
    environment,
    session: () => session.token(url),
    command: [process.execPath, ...process.execArgv, process.argv[1] ?? '', 'worker'],
  });
}
