import type { Database } from '../database/database.js';

/**
 * The duty's own transaction waits meanwhile and holds nothing but its turn. It may be idle for ten seconds, and a run
 * has up to five kinds of steps.
 */
const LONGEST_MS = 1500;

/**
 * Repeats a step, each in a transaction of its own so that no lock is held for long, until one finds less than `full`
 * to do. What is left after a few seconds is the next run's.
 */
export async function inSteps(database: Database, full: number, step: () => Promise<number>): Promise<void> {
  for (const until = Date.now() + LONGEST_MS; Date.now() < until;) {
    const done = await database.outside(() => database.transaction(step));
    if (done < full) return;
  }
}
