import { rm } from 'node:fs/promises';
import type { Logger } from 'pino';
import { keepBecause } from './conclude.js';
import { ExecutionDirectory } from './execution-directory.js';
import { readSpooledFinish } from './finish-spool.js';
import { findProcess } from './process-table.js';
import { endTree, findTree } from './process-tree.js';

const GRACE_MS = 2000;

/**
 * Puts in order what a run that did not end properly left: ends agents that still run, and explains checkouts nobody will
 * finish. Answers the executions whose result waits to be delivered.
 */
export async function settleOrphans(workerDirectory: string, log: Logger): Promise<ExecutionDirectory[]> {
  const waiting: ExecutionDirectory[] = [];
  for (const directory of await ExecutionDirectory.all(workerDirectory)) {
    const isTold = directory.exists(directory.kept);
    const hasResult = (await readSpooledFinish(directory)) !== null;
    // Agents are over before a result is written, so most directories need no look at the processes.
    if (directory.exists(directory.process) || (!isTold && !hasResult)) await endLeftovers(directory, log);
    for (const own of [directory.trustedGit, directory.sight]) await rm(own, { recursive: true, force: true });
    await directory.close();
    if (hasResult) waiting.push(directory);
    else if (!isTold) await keepBecause({ log }, directory, 'the worker ended in the middle of this execution');
  }
  return waiting;
}

async function endLeftovers(directory: ExecutionDirectory, log: Logger): Promise<void> {
  const recorded = (await directory.readJson(directory.process)) as { pid?: unknown; started?: unknown } | null;
  const { executionId, path } = directory;
  // The pid may belong to somebody else by now; only the same start makes it the same process.
  const pid = typeof recorded?.pid === 'number' ? recorded.pid : null;
  const isSame = pid !== null && findProcess(pid)?.started === recorded?.started;
  const marks = { executionId, directory: path, leader: isSame ? pid : null };
  const pids = findTree(marks);
  if (pids.length > 0) {
    log.warn({ execution_id: executionId, pids }, 'ending the agent of a run that was cut off');
    await endTree(marks, GRACE_MS);
  }
  await rm(directory.process, { force: true });
}
