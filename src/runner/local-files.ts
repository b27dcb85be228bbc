import { constants } from 'node:fs';
import { appendFile, copyFile, lstat, mkdir, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { Fault } from './fault.js';
import { SETUP_FILE } from './repository-setup.js';

export interface LocalFiles {
  /** Directory that the operator keeps files for repositories in; empty when there is none. */
  readonly from: string;
  readonly repository: { readonly id: string; readonly full_name: string | null };
  readonly checkout: string;
  readonly paths: readonly string[];
}

/**
 * Copies files that belong to no repository, such as `.env.test`, into a checkout: from `<directory>/<owner>/<name>`, or
 * `<directory>/<repository id>`, so that no repository gets what is kept for another. Nothing is overwritten.
 */
export async function copyLocalFiles({ from, repository, checkout, paths }: LocalFiles): Promise<void> {
  if (paths.length === 0) return;
  if (from === '') throw refused('this worker keeps no files for repositories (REPOSITORY_FILES)');
  const home = await homeOf(from, repository);
  for (const path of paths) {
    const source = await realpath(join(home, path)).catch(() => null);
    // A link may lead to another repository's files, or out of the directory altogether.
    if (source === null || !source.startsWith(home + sep) || !(await lstat(source)).isFile())
      throw refused(`the worker has no file ${JSON.stringify(path)} for this repository`);
    await makeParents(checkout, path);
    await ignore(checkout, path);
    await copyFile(source, join(checkout, path), constants.COPYFILE_EXCL).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      throw refused(`${JSON.stringify(path)} is in the repository itself`);
    });
  }
}

async function homeOf(from: string, { id, full_name }: LocalFiles['repository']): Promise<string> {
  const root = await realpath(from).catch(() => null);
  if (root === null) throw refused('the directory REPOSITORY_FILES of this worker is not there');
  for (const name of [full_name, id]) {
    const home = name === null ? null : await realpath(join(root, name)).catch(() => null);
    // The name comes from the server; it must not lead anywhere else.
    if (home !== null && name !== null && home === join(root, name) && home.startsWith(root + sep)) return home;
  }
  throw refused('the worker has no files for this repository');
}

/** An agent that commits whatever is there should not commit these. */
async function ignore(checkout: string, path: string): Promise<void> {
  const info = join(checkout, '.git', 'info');
  await mkdir(info, { recursive: true });
  await appendFile(join(info, 'exclude'), `/${path.replace(/[\\*?[ ]/g, '\\$&')}\n`);
}

/** The repository may hold a link where a directory is expected, and what is copied would land at its other end. */
async function makeParents(checkout: string, path: string): Promise<void> {
  let place = checkout;
  for (const part of dirname(path)
    .split('/')
    .filter((name) => name !== '.')) {
    place = join(place, part);
    await mkdir(place).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
    if (!(await lstat(place)).isDirectory()) throw refused(`${JSON.stringify(path)} would lie beyond a link or a file`);
  }
}

const refused = (what: string): Fault =>
  new Fault('worktree', `${SETUP_FILE} asks for files to be copied, but ${what}.`, {
    retryable: false,
    blame: 'task',
  });
