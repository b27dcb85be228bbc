import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { GitProcess } from './git-process.js';
import { GitFailed } from './git.errors.js';

/** So many files are read one by one without anybody noticing. */
const MANY = 200;

/**
 * A fetch leaves each reference in a file of its own, all of which are read for each list and by each later fetch. Puts
 * them into one file when they are many. Called where the mirror's lock is held.
 */
export async function packManyRefs(git: GitProcess, directory: string): Promise<void> {
  if ((await countFiles(join(directory, 'refs'))) <= MANY) return;
  try {
    await git.run({ directory, args: ['pack-refs', '--all'] });
  } catch (error) {
    // Somebody pushes right now; the next fetch comes.
    if (!(error instanceof GitFailed)) throw error;
  }
}

/** No further than it matters. */
async function countFiles(folder: string): Promise<number> {
  let count = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    count += entry.isDirectory() ? await countFiles(join(folder, entry.name)) : 1;
    if (count > MANY) break;
  }
  return count;
}
