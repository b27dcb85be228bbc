import type { Environment } from '../../config/load.js';
import { readMembership } from '../../runner/membership.js';
import { runWorker } from '../../runner/run-worker.js';
import { ask } from '../ask.js';
import type { Context } from '../context.js';
import { CommandFailed } from '../exits.js';

/** Options of `miyabi worker`; each stands for a variable of docs/configuration.md. */
export interface WorkerOptions {
  name?: string;
  dir?: string;
  capacity?: string;
  labels?: string;
  agentTypes?: string;
}

const VARIABLES = {
  name: 'MIYABI_WORKER_NAME',
  dir: 'MIYABI_WORKER_DIR',
  capacity: 'MIYABI_CAPACITY',
  labels: 'MIYABI_LABELS',
  agentTypes: 'MIYABI_AGENT_TYPES',
} as const;

/** `miyabi worker`: runs a worker until it is told to stop. Answers the exit code. */
export async function worker(context: Context, options: WorkerOptions): Promise<number> {
  const { settings, session } = context;
  const given = Object.entries(VARIABLES).flatMap(([option, variable]) => {
    const value = options[option as keyof WorkerOptions];
    return value === undefined ? [] : [[variable, value] as const];
  });
  const directory = options.dir ?? settings.worker_directory;
  const url = await session.url();
  const environment: Environment = {
    ...settings.environment,
    MIYABI_WORKER_DIR: directory,
    ...Object.fromEntries(given),
    MIYABI_URL: url,
  };
  const hasMeans = [environment['MIYABI_KEY'], environment['MIYABI_JOIN_TOKEN']].some((means) => (means ?? '') !== '');
  const joined = (await readMembership(directory))?.url === url;
  return runWorker(
    hasMeans || joined ? environment : { ...environment, MIYABI_JOIN_TOKEN: await ownJoinToken(context) },
  );
}

/** Who is signed in, and may let machines in, needs no token from anybody else. */
async function ownJoinToken({ client }: Context): Promise<string> {
  try {
    const { token } = await ask((await client()).POST('/api/v1/workers/join-tokens', { body: { expires_in: 60 } }));
    return token;
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new CommandFailed(
      `This machine has not joined, and cannot by itself: ${error.message}`,
      error.exit,
      'Paste the command that `miyabi workers invite` prints, or set MIYABI_KEY or MIYABI_JOIN_TOKEN.',
    );
  }
}
