import { createHash } from 'node:crypto';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from './error-code.js';

/** Files beside the references that say what there is and where it ends. */
const FILES = ['HEAD', 'packed-refs', 'shallow', 'config'];
/** A file that was written a moment ago may be written again without a trace. */
const SETTLED_MS = 2000;
/** With more folders than this, looking at all of them is no gain. */
const MOST_FOLDERS = 500;
/** Another way to keep references, which has no such folders. */
const REFTABLE = 'reftable';

/**
 * What tells whether the references of a repository are still what they were: whoever changes one replaces a file in
 * its folder or `packed-refs`. Null when it cannot tell: when something was changed this moment, or is kept otherwise.
 */
export async function refStateOf(directory: string, settled_ms = SETTLED_MS): Promise<string | null> {
  try {
    const facts: Fact[] = [];
    for (const name of FILES) facts.push(await factOf(directory, name));
    if ((await factOf(directory, REFTABLE)).is !== null) return null;
    const folders = ['refs'];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const fact = await factOf(directory, folder);
      // A link leads where nobody looks.
      if (fact.is !== 'folder' || facts.length > MOST_FOLDERS) return null;
      facts.push(fact);
      for (const entry of await readdir(join(directory, folder), { withFileTypes: true }))
        if (entry.isDirectory()) folders.push(`${folder}/${entry.name}`);
        else if (!entry.isFile()) return null;
    }
    const newest = Math.max(...facts.map(({ changed_ms }) => changed_ms));
    if (newest > Date.now() - settled_ms) return null;
    return createHash('sha256')
      .update(facts.map(({ told }) => told).join('\n'))
      .digest('hex');
  } catch (error) {
    // Somebody changes it right now, or it is not there.
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(codeOf(error))) return null;
    throw error;
  }
}

interface Fact {
  is: 'file' | 'folder' | null;
  told: string;
  changed_ms: number;
}

async function factOf(directory: string, name: string): Promise<Fact> {
  const status = await lstat(join(directory, name), { bigint: true }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (status === null) return { is: null, told: `${name} is not there`, changed_ms: 0 };
  const { ino, size, mtimeNs, ctimeNs } = status;
  return {
    is: status.isDirectory() ? 'folder' : 'file',
    told: [name, ino, size, mtimeNs, ctimeNs].join(' '),
    changed_ms: Number(status.ctimeMs > status.mtimeMs ? status.ctimeMs : status.mtimeMs),
  };
}
