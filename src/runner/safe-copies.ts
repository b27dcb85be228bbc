import { lstat, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SafeCopy } from './safe-copy.js';

/** Of a file beyond these it is told that it has changed, and not how. */
const LARGEST_FILE = 8 * 1024 * 1024;
const MOST_BYTES = 64 * 1024 * 1024;

export interface Copies {
  readonly taken: readonly string[];
  /** What is not there any more, or is nothing that a commit could hold. */
  readonly gone: readonly string[];
  /** Whether something could not be copied as it is. */
  readonly isPart: boolean;
}

export interface CopyLimits {
  /** Larger files are not committed in the end. */
  readonly maxFileBytes: number;
  readonly signal: AbortSignal;
}

/** Copies these files of a checkout that somebody works in to a directory that is empty. */
export async function copyChanged(
  checkout: string,
  paths: readonly string[],
  files: string,
  { maxFileBytes, signal }: CopyLimits,
): Promise<Copies> {
  const taken: string[] = [];
  const gone: string[] = [];
  const links: { target: string; path: string }[] = [];
  const source = await SafeCopy.of(checkout);
  let left = MOST_BYTES;
  let isPart = false;
  try {
    for (const path of paths) {
      signal.throwIfAborted();
      const to = join(files, path);
      const copied = await source.copy(path, to, Math.min(LARGEST_FILE, maxFileBytes, left));
      if (copied.kind === 'file') left -= (await lstat(to)).size;
      if (copied.kind === 'large') await writeFile(to, await described(join(checkout, path)));
      if (copied.kind === 'large' || copied.kind === 'unreadable') isPart = true;
      if (copied.kind === 'link') links.push({ target: copied.target, path });
      if (copied.kind === 'gone') gone.push(path);
      if (copied.kind === 'file' || copied.kind === 'large') taken.push(path);
    }
  } finally {
    await source.close();
  }
  // No link is made before all files are there, so that none can be written through one.
  for (const { target, path } of links)
    if (await link(target, join(files, path))) taken.push(path);
    else isPart = true;
  return { taken, gone, isPart };
}

/** False where a file became a directory between two looks, or the other way round. */
async function link(target: string, to: string): Promise<boolean> {
  try {
    await mkdir(dirname(to), { recursive: true });
    await symlink(target, to);
    return true;
  } catch (error) {
    if (['EEXIST', 'ENOTDIR'].includes(String((error as { code?: unknown }).code))) return false;
    throw error;
  }
}

/** In the place of a file that is too large: two that differ are told apart. */
async function described(path: string): Promise<string> {
  const state = await lstat(path).catch(() => null);
  return `A file of ${String(state?.size ?? 0)} bytes, last changed at ${String(state?.mtimeMs ?? 0)}.\n`;
}
