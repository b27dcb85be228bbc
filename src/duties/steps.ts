import type { Database } from '../database/database.js';

/** Less than what a transaction may be idle for: the duty's own waits meanwhile and holds nothing but its turn. */
const LONGEST_MS = 5000;

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
