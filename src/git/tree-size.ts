import { lstat, readdir } from 'node:fs/promises';
import { inFolder, type BytePath } from './byte-path.js';

/** What a directory takes on the disk, and when something in it changed last. */
export interface TreeSize {
  bytes: number;
  changed_at: Date;
}

const MOST_FILES = 100_000;
const AT_ONCE = 32;

/**
 * Adds up a directory; links are not followed, a file with two names counts twice. Null when it holds more than a hundred
 * thousand files, or when the signal says that there is no more time.
 */
export async function measureTree(root: BytePath, signal: AbortSignal): Promise<TreeSize | null> {
  let bytes = 0;
  let newest = 0;
  let files = 0;
  const waiting: BytePath[] = [root];
  while (waiting.length > 0) {
    const some = waiting.splice(-AT_ONCE);
    files += some.length;
    if (files + waiting.length > MOST_FILES || signal.aborted) return null;
    const below = await Promise.all(
      some.map(async (path) => {
        const status = await lstat(path).catch(() => null);
        if (status === null) return [];
        bytes += status.blocks * 512;
        newest = Math.max(newest, status.mtimeMs);
        if (!status.isDirectory()) return [];
        const names = await readdir(path, { encoding: 'buffer' }).catch(() => []);
        return names.map((name) => inFolder(path, name));
      }),
    );
    for (const paths of below) waiting.push(...paths);
  }
  return { bytes, changed_at: new Date(newest) };
}
