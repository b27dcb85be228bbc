import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ExecutionDirectory } from '../execution-directory.js';
import { Lock, LockHeld } from '../lock.js';
import { settleOrphans } from '../orphans.js';

/** The lock of a worker directory, as the runner takes it. */
export const WORKER_LOCK = 'runner.lock';

/** Ends what the agents of a worker left that nobody starts again, and explains its checkouts. */
export async function settleDirectory(directory: string, log: Logger): Promise<void> {
  await alone(directory, log, async () => {
    const waiting = await settleOrphans(directory, log);
    if (waiting.length > 0)
      log.warn({ directory, results: waiting.length }, 'results wait there for a worker that delivers them');
  });
}

/** Settles the directories of more workers than there are to be now; those that hold nothing of their own go. */
export async function retireDirectory(workers: string, count: number, log: Logger): Promise<void> {
  const names = await readdir(workers).catch(() => []);
  for (const name of names.filter((one) => /^\d+$/.test(one) && Number(one) > count)) {
    const directory = join(workers, name);
    await settleDirectory(directory, log);
    const left = await alone(directory, log, async () => (await ExecutionDirectory.all(directory)).length);
    if (left === 0) {
      await rm(directory, { recursive: true, force: true });
      log.info({ directory }, 'the directory of a worker that is no longer run has been removed');
    } else if (left !== null) log.warn({ directory, executions: left }, 'a worker that is no longer run left these');
  }
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
