import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { liveHolderOf } from '../lock.js';
import { pause } from '../patience.js';
import { WORKER_LOCK } from './worker-directories.js';

const LOOK_MS = 200;
/** A worker whose coordinator has died ends by itself within this; then it is asked to, asked to hurry, and ended. */
const STEPS: readonly (readonly [afterMs: number, signal: NodeJS.Signals])[] = [
  [30_000, 'SIGTERM'],
  [20_000, 'SIGTERM'],
  [15_000, 'SIGKILL'],
  [5000, 'SIGKILL'],
];

/** Waits until no worker of an earlier coordinator lives below the directory: two never work in one. */
export async function settlePredecessors(workers: string, log: Logger, signal: AbortSignal): Promise<void> {
  const names = await readdir(workers).catch(() => []);
  await Promise.all(names.map((name) => settle(join(workers, name, WORKER_LOCK), name, { log, signal })));
}

async function settle(
  lock: string,
  worker: string,
  { log, signal }: { log: Logger; signal: AbortSignal },
): Promise<void> {
  const first = await liveHolderOf(lock);
  if (first === null) return;
  log.warn({ worker, pid: first }, 'a worker of an earlier coordinator is still there; waiting for its end');
  for (const [afterMs, how] of STEPS) {
    for (let waited = 0; waited < afterMs; waited += LOOK_MS) {
      if ((await liveHolderOf(lock)) === null) return;
      await pause(LOOK_MS, signal);
    }
    const pid = await liveHolderOf(lock);
    if (pid === null) return;
    log.warn({ worker, pid, signal: how }, 'ending the worker of an earlier coordinator');
    endProcess(pid, how);
  }
}

function endProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile, or belongs to somebody else, whom the runner's own lock keeps out.
  }
}
