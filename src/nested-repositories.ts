import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';

/** Repositories inside of a directory, by their paths from there. */
export interface NestedRepositories {
  /** Directories with a `.git` of any kind: repositories, and work trees of others. */
  worked: Buffer[];
  /** Git directories by themselves. Unlike a `.git` git may have committed their files, as of those for tests. */
  bare: Buffer[];
  /** Why there may be more; null when there are not. */
  unseen: string | null;
}

/** Ten times the packages of a large project; it takes some two seconds. */
const MOST_ENTRIES = 1_000_000;
const AT_ONCE = 32;
const LONGEST_NAMED = 200;
const SLASH = Buffer.from('/');
const GONE = ['ENOENT', 'ENOTDIR'];

/**
 * Looks through a directory for repositories, whatever git thinks of where they are: what is ignored is not looked at by
 * git, and what is in a folder of committed files it takes for those. Names are read and nothing else, no link is followed.
 * Inside of what was found nothing more is looked for. Throws the reason of the signal.
 */
export async function findRepositories(
  root: Buffer,
  signal: AbortSignal,
  most_entries = MOST_ENTRIES,
): Promise<NestedRepositories> {
  const found: NestedRepositories = { worked: [], bare: [], unseen: null };
  const waiting: Buffer[] = [Buffer.alloc(0)];
  let entries = 0;
  const enter = async (path: Buffer): Promise<void> => {
    const inside = await entriesOf(path.length === 0 ? root : Buffer.concat([root, SLASH, path]));
    if (inside === null) {
      found.unseen ??= `a folder in it cannot be read: ${path.toString('utf8').slice(0, LONGEST_NAMED)}`;
      return;
    }
    entries += inside.length;
    const names = new Map(inside.map((one) => [one.name.toString('latin1'), one]));
    if (path.length > 0 && names.has('.git')) {
      found.worked.push(path);
      return;
    }
    if (path.length > 0 && names.has('HEAD') && ['objects', 'refs'].every((name) => names.get(name)?.isDirectory()))
      found.bare.push(path);
    for (const [name, one] of names)
      if (one.isDirectory() && name !== '.git')
        waiting.push(path.length === 0 ? one.name : Buffer.concat([path, SLASH, one.name]));
  };
  while (waiting.length > 0 && entries <= most_entries) {
    signal.throwIfAborted();
    await Promise.all(waiting.splice(-AT_ONCE).map(enter));
  }
  if (waiting.length > 0) found.unseen ??= 'it is too large to look through';
  found.worked.sort((one, other) => one.compare(other));
  return found;
}

/** Nothing of what has gone meanwhile; null of what cannot be read. */
async function entriesOf(path: Buffer): Promise<Dirent<Buffer>[] | null> {
  try {
    return await readdir(path, { encoding: 'buffer', withFileTypes: true });
  } catch (error) {
    return GONE.includes(String((error as { code?: unknown }).code)) ? [] : null;
  }
}
