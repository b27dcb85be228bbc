import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ExecutionDirectory } from '../execution-directory.js';
import { readSpooledFinish } from '../finish-spool.js';
import { Lock, LockHeld } from '../lock.js';
import { settleOrphans } from '../orphans.js';

/** The lock of a worker directory, as the runner takes it. */
export const WORKER_LOCK = 'runner.lock';
/** Says that nobody is run there any more, and that the server has not heard so. */
const UNHEARD = 'unheard';

/** Ends what the agents of a worker left that nobody starts again, and explains its checkouts. */
export async function settleDirectory(directory: string, log: Logger): Promise<void> {
  await alone(directory, log, async () => {
    const waiting = await settleOrphans(directory, log);
    if (waiting.length > 0)
      log.warn({ directory, results: waiting.length }, 'results wait there for a worker that delivers them');
  });
}

/** Directories of more workers than there are to be now. */
export async function directoriesBeyond(workers: string, count: number): Promise<number[]> {
  const names = await readdir(workers).catch(() => []);
  return names
    .filter((one) => /^\d+$/.test(one) && Number(one) > count)
    .map(Number)
    .sort((one, other) => one - other);
}

/**
 * Whether the server is still to hear of the worker that was in there: it did not end in order, so that it is missed, or
 * results of it wait.
 */
export async function isToBeHeardOf(directory: string): Promise<boolean> {
  if ([WORKER_LOCK, UNHEARD].some((name) => existsSync(join(directory, name)))) return true;
  for (const one of await ExecutionDirectory.all(directory)) if ((await readSpooledFinish(one)) !== null) return true;
  return false;
}

/** Before the last run of a worker, whose lock goes with it whatever came of that. */
export async function noteUnheard(directory: string): Promise<void> {
  await writeFile(join(directory, UNHEARD), '');
}

/** Settles the directory of a worker that is no longer run and has been heard of, and removes it when it holds nothing of its own. */
export async function retireDirectory(directory: string, log: Logger): Promise<void> {
  await rm(join(directory, UNHEARD), { force: true });
  await settleDirectory(directory, log);
  const left = await alone(directory, log, async () => (await ExecutionDirectory.all(directory)).length);
  if (left === 0) {
    await rm(directory, { recursive: true, force: true });
    log.info({ directory }, 'the directory of a worker that is no longer run has been removed');
  } else if (left !== null) log.warn({ directory, executions: left }, 'a worker that is no longer run left these');
}

/** Null when a live worker is in there. */
async function alone<T>(directory: string, log: Logger, act: () => Promise<T>): Promise<T | null> {
  let lock: Lock;
  try {
    lock = await Lock.take(join(directory, WORKER_LOCK));
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    log.warn({ directory, pid: error.pid }, 'a worker is at work in the directory of another');
    return null;
  }
  try {
    return await act();
  } finally {
    await lock.release();
  }
}
