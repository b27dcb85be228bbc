import { lstat } from 'node:fs/promises';
import { join } from 'node:path';

/** How many files are looked at side by side. */
const AT_ONCE = 64;

/** Which of these paths below a directory are files of more than so many bytes. Links are not followed. */
export async function largerThan(
  bytes: number,
  directory: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const found: string[] = [];
  for (let from = 0; from < paths.length; from += AT_ONCE) {
    signal.throwIfAborted();
    const some = paths.slice(from, from + AT_ONCE);
    // A path that is listed and gone was deleted by the agent.
    const states = await Promise.all(some.map((path) => lstat(join(directory, path)).catch(() => null)));
    found.push(
      ...some.filter((_, index) => {
        const state = states[index];
        return state?.isFile() === true && state.size > bytes;
      }),
    );
  }
  return found;
}
