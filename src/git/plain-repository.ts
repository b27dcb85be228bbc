import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from './error-code.js';

/** What git reads of a git directory itself; a link in its place would be read in another repository. */
const FILES = ['HEAD', 'config', 'config.worktree', 'packed-refs', 'shallow', 'info'];
const TABLES = 'reftable';
const ALTERNATES = ['alternates', 'http-alternates'];
// Git's own are four folders deep; reference names may have more parts, but not without end.
const MOST_DEPTH = 64;

/** Where the parts of a repository are, links on the way to them resolved. */
export interface RepositoryParts {
  /** The git directory and the one it shares with its linked work trees; often the same. */
  directories: readonly string[];
  objects: string;
  /** Folders of references: the shared ones, and those of a linked work tree. */
  refs: readonly string[];
}

/**
 * Whether git would read files of other places when it reads this repository: through alternates, or through links
 * among the files of its git directories or below the folders of its objects and references. Whoever may write in
 * such a directory could otherwise have the server read what they may not read themselves.
 */
export async function reachesElsewhere({ directories, objects, refs }: RepositoryParts): Promise<boolean> {
  for (const name of ALTERNATES) if (await isThere(join(objects, 'info', name))) return true;
  for (const directory of directories) {
    for (const name of [...FILES, TABLES]) if (await isThere(join(directory, name), 'as a link')) return true;
  }
  const tables = directories.map((directory) => join(directory, TABLES));
  for (const folder of [objects, ...refs, ...tables]) if (await hasLinks(folder)) return true;
  return false;
}

async function hasLinks(folder: string, depth = 0): Promise<boolean> {
  if (depth > MOST_DEPTH) return true;
  for (const entry of await entriesOf(folder)) {
    // Pipes and devices lead elsewhere too, and would hold up whoever reads them.
    if (!entry.isDirectory() && !entry.isFile()) return true;
    if (entry.isDirectory() && (await hasLinks(join(folder, entry.name), depth + 1))) return true;
  }
  return false;
}

/** What is not there, or was until a moment ago, as in a repository that is being packed, has no entries. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function isThere(path: string, as?: 'as a link'): Promise<boolean> {
  try {
    const status = await lstat(path);
    return as === undefined || status.isSymbolicLink();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
