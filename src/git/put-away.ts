import { rename, rm } from 'node:fs/promises';
import { codeOf } from './error-code.js';

/** How the name of a directory ends that is being deleted. */
export const AWAY = '.gone';

/**
 * Deletes a directory that was for one piece of work. Whoever still writes in it, a git that is being ended or a copy under way, would keep it from being deleted. So first it
 * is where nobody finds it by its path, and nothing can come into it any more.
 */
export async function putAway(directory: string): Promise<void> {
  const away = `${directory}${AWAY}`;
  try {
    await rename(directory, away);
  } catch (error) {
    // It was never made.
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  await rm(away, { recursive: true, force: true, maxRetries: 3 });
}
