import { createHash } from 'node:crypto';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from './error-code.js';

/** Files beside the references that say what there is, where it ends and what else belongs to it. */
const FILES = ['HEAD', 'packed-refs', 'shallow', 'config', 'config.worktree', 'info/grafts', 'objects/info/alternates'];
/** A file that was written a moment ago may be written again without a trace. */
const SETTLED_MS = 2000;
/** With more folders or files than this, looking at all of them is no gain. */
const MOST = 2000;
/** Where git has had a HEAD that is a link lead. */
const OLD_HEAD = /^refs\/(?!.*\.\.)/;
/** Another way to keep references, which has no such folders. */
const REFTABLE = 'reftable';

/**
 * What tells whether the references of a repository are still what they were: whoever changes one replaces a file in
 * its folder or `packed-refs`. Who writes into the file itself, as git never does, is only seen when `each` file is looked
 * at. Null when it cannot tell: when something was changed this moment, or is kept otherwise.
 */
export async function refStateOf(
  directory: string,
  { settled_ms = SETTLED_MS, each = false } = {},
): Promise<string | null> {
  // Before anything is looked at, however long that takes.
  const settled = Date.now() - settled_ms;
  try {
    const facts = await Promise.all(FILES.map((name) => factOf(directory, name)));
    // What a link leads to changes without it. Of a HEAD of old, a link, the branch that it leads to is looked at as such.
    if (facts.some(({ is }, at) => is === 'link' && FILES[at] !== 'HEAD')) return null;
    if (facts[0]?.is === 'link' && !OLD_HEAD.test(await readlink(join(directory, 'HEAD')))) return null;
    if ((await factOf(directory, REFTABLE)).is !== null) return null;
    const folders = ['refs'];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const fact = await factOf(directory, folder);
      // A link leads where nobody looks.
      const entries = fact.is === 'folder' ? await readdir(join(directory, folder), { withFileTypes: true }) : null;
      if (entries?.every((entry) => entry.isDirectory() || entry.isFile()) !== true) return null;
      const files = entries.filter((entry) => each && entry.isFile());
      facts.push(fact);
      if (facts.length + files.length > MOST) return null;
      const told = await Promise.all(files.map(({ name }) => factOf(directory, `${folder}/${name}`)));
      // Gone by now, or its name is no text.
      if (told.some(({ is }) => is === null)) return null;
      facts.push(...told);
      for (const { name } of entries.filter((entry) => entry.isDirectory())) folders.push(`${folder}/${name}`);
    }
    if (facts.some(({ changed_ms }) => changed_ms > settled)) return null;
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
  is: 'file' | 'folder' | 'link' | null;
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
    is: status.isDirectory() ? 'folder' : status.isSymbolicLink() ? 'link' : 'file',
    told: [name, ino, size, mtimeNs, ctimeNs].join(' '),
    changed_ms: Number(status.ctimeMs > status.mtimeMs ? status.ctimeMs : status.mtimeMs),
  };
}
