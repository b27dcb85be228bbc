import { lstat, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { Logger } from '@nestjs/common';
import { folderOf, inFolder, shown, type BytePath } from './byte-path.js';
import { nullIfNothing } from './error-code.js';
import type { LocalPathsService } from './local-paths.service.js';
import { ASIDE, linkOf } from './local-worktrees.service.js';
import { LOCK, LONGEST_LOCK, pathIn } from './removal-lock.js';
import { readPlainFile } from './plain-file.js';

/** In the git directory of a repository: what git kept about work trees whose files are being deleted. */
const FOLDER = 'miyabi-removed';
/** Beside the place of a work tree: its files, while they are being deleted. */
const FILES = '.miyabi-removed-';
/** An id and what a work tree is put aside by. */
const RECORD = /^([0-9a-f-]{36})-([0-9a-f]{16})$/;

const logger = new Logger('DismissedWorktrees');

/** What is left of a work tree that git does not know any more. */
export interface Dismissed {
  record: BytePath;
  /** Its files; null when there are none. */
  files: BytePath | null;
}

export const removedIn = (common: BytePath): BytePath => inFolder(common, FOLDER);

/**
 * Gives what was put aside a name of its own: by the other one whoever has a work tree of the same name removed may put
 * that aside while this one is still being deleted.
 */
export async function takeFiles(aside: BytePath, beside: BytePath, id: string): Promise<BytePath> {
  const files = inFolder(beside, `${FILES}${id}`);
  await rename(aside, files);
  return files;
}

/** Deletes what is left; whatever of it cannot be deleted is left for the next who comes. */
export async function discard({ record, files }: Dismissed): Promise<void> {
  try {
    if (files !== null) await rm(files, { recursive: true, force: true, maxRetries: 3 });
    await rm(record, { recursive: true, force: true, maxRetries: 3 });
    await rmdir(folderOf(record)).catch(() => undefined);
  } catch (error) {
    const path = shown(files ?? record);
    logger.warn({ err: error, path }, 'the files of a removed work tree could not all be deleted');
  }
}

/** What processes that ended in the middle have left of a repository's. Nobody else removes any of it meanwhile. */
export async function findDismissed(common: BytePath, paths: LocalPathsService): Promise<Dismissed[]> {
  const folder = removedIn(common);
  // A link in its place would have us delete elsewhere.
  if (!(await lstat(folder).catch(() => null))?.isDirectory()) return [];
  const found: Dismissed[] = [];
  for (const name of await readdir(folder)) {
    const [, id, mark] = RECORD.exec(name) ?? [];
    const record = inFolder(folder, name);
    if (id === undefined || mark === undefined || !(await lstat(record).catch(() => null))?.isDirectory()) continue;
    try {
      found.push({ record, files: await filesLeft(record, { id, mark }, paths) });
    } catch (error) {
      // A disk that is away for a moment.
      logger.warn({ err: error, path: shown(record) }, 'the files of a removed work tree cannot be reached');
    }
  }
  return found;
}

/** Of one that was dismissed a moment before its process ended its files are still where they had been put aside. */
async function filesLeft(
  record: BytePath,
  { id, mark }: { id: string; mark: string },
  paths: LocalPathsService,
): Promise<BytePath | null> {
  const path = pathIn(await readPlainFile(inFolder(record, LOCK), LONGEST_LOCK));
  const beside = path && (await paths.below(folderOf(path)));
  if (beside === null) return null;
  const files = inFolder(beside, `${FILES}${id}`);
  if ((await lstat(files).catch(nullIfNothing))?.isDirectory()) return files;
  const aside = inFolder(beside, `${ASIDE}${mark}`);
  const target = await linkOf(aside);
  // It is another one's when it leads to something.
  if (target === null || (await lstat(target).catch(nullIfNothing)) !== null) return null;
  return takeFiles(aside, beside, id);
}
