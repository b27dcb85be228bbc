import { sep } from 'node:path';
import { pause } from './patience.js';
import { processTable, type ProcessEntry } from './process-table.js';

/** Marks every process of an execution in its environment, so that one that left its parents is still found. */
export const EXECUTION_VARIABLE = 'MIYABI_EXECUTION_ID';

/** By what the processes of one execution are known. */
export interface ProcessMarks {
  readonly executionId: string;
  /** The execution's own directory: a process that works below it belongs to it. */
  readonly directory: string;
  /** The agent's first process, leader of its own group and session; null when it is not known to be that process. */
  readonly leader: number | null;
}

/** Pids of all live processes of the execution: marked ones, those of its group, and their descendants. */
export function findTree(marks: ProcessMarks): number[] {
  // This process is left out with all that descends from it by other ways: only marks and their offspring count.
  const table = processTable().filter((entry) => entry.pid !== process.pid);
  const found = new Set(table.filter((entry) => isMarked(entry, marks)).map((entry) => entry.pid));
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const entry of table) if (found.has(entry.parent)) found.add(entry.pid);
  }
  return [...found];
}

function isMarked(entry: ProcessEntry, { executionId, directory, leader }: ProcessMarks): boolean {
  if (leader !== null && (entry.pid === leader || entry.group === leader || entry.session === leader)) return true;
  if (entry.hasVariable(`${EXECUTION_VARIABLE}=${executionId}`)) return true;
  const cwd = entry.directory();
  return cwd !== null && (cwd === directory || cwd.startsWith(directory + sep));
}

const KILL_PATIENCE_MS = 30_000;

/**
 * Ends all processes of the execution: TERM, then KILL after `graceMs` or when hurried, again and again until none is left.
 * Answers the pids that even KILL did not end (they hang in the kernel); normally none.
 */
export async function endTree(marks: ProcessMarks, graceMs: number, hurry?: AbortSignal): Promise<number[]> {
  const asked = new Set<number>();
  const graceEnd = performance.now() + graceMs;
  for (let wait = 10; performance.now() < graceEnd && hurry?.aborted !== true; wait = Math.min(wait * 2, 200)) {
    const alive = findTree(marks);
    if (alive.length === 0) return [];
    // A process that appears only now has not been asked yet.
    for (const pid of alive.filter((one) => !asked.has(one))) {
      asked.add(pid);
      signal(pid, 'SIGTERM');
    }
    await pause(Math.min(wait, Math.max(graceEnd - performance.now(), 0)));
  }
  return killTree(marks);
}

async function killTree(marks: ProcessMarks): Promise<number[]> {
  const end = performance.now() + KILL_PATIENCE_MS;
  let alive = findTree(marks);
  // A fork can slip past one look at the table, so the tree is over only when two looks in a row find nothing.
  for (let empty = alive.length === 0 ? 1 : 0; empty < 2 && performance.now() < end;) {
    alive.forEach((pid) => signal(pid, 'SIGKILL'));
    await pause(10);
    alive = findTree(marks);
    empty = alive.length === 0 ? empty + 1 : 0;
  }
  return alive;
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // ESRCH: it ended by itself. EPERM: another account's, which the caller learns as a survivor.
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
