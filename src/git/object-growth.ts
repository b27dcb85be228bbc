import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from './error-code.js';

const CHECKED_EVERY_MS = 1000;
// Where a push that is under way keeps what is not yet part of the repository.
const QUARANTINE = 'tmp_objdir-';

/**
 * Calls `exceeded` once the objects of a repository have grown by more than `max_bytes` while `work` goes on. Git has
 * no limit of its own for what it fetches. Up to a second of transfer may come on top.
 */
export async function watchGrowth<T>(
  directory: string,
  max_bytes: number,
  exceeded: () => void,
  work: Promise<T>,
): Promise<T> {
  // What is local comes without a limit, so nothing is measured.
  if (max_bytes === Infinity) return work;
  const objects = join(directory, 'objects');
  const before = await sizeOf(objects);
  let over = false;
  let timer: NodeJS.Timeout | undefined;
  const check = async (): Promise<void> => {
    const size = await sizeOf(objects);
    if (size - before > max_bytes) exceeded();
    else if (!over) timer = setTimeout(next, CHECKED_EVERY_MS);
  };
  // A disk that cannot be read fails the work itself.
  const next = (): void => void check().catch(exceeded);
  next();
  try {
    return await work;
  } finally {
    over = true;
    clearTimeout(timer);
  }
}

/** Deletes what a fetch that was ended has left behind; only for who holds the mirror's lock. */
export async function removeLeftovers(directory: string): Promise<void> {
  const packs = join(directory, 'objects/pack');
  const names = await namesIn(packs);
  await Promise.all(
    names.filter((name) => name.startsWith('tmp_')).map((name) => rm(join(packs, name), { force: true })),
  );
}

async function sizeOf(folder: string): Promise<number> {
  let size = 0;
  for (const name of await namesIn(folder)) {
    if (name.startsWith(QUARANTINE)) continue;
    const path = join(folder, name);
    const status = await lstat(path).catch(() => null);
    if (status?.isDirectory()) size += await sizeOf(path);
    else size += status?.size ?? 0;
  }
  return size;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    // Git removes folders that have become empty.
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
