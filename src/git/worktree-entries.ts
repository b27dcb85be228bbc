import { lstat, readdir } from 'node:fs/promises';
import { bytePath, inFolder, nameOf, type BytePath } from './byte-path.js';
import { codeOf, isOfSystem, nullIfNothing } from './error-code.js';
import { GitFailed } from './git.errors.js';
import { readPlainFile } from './plain-file.js';

/** What a repository keeps about one of its linked work trees, in `worktrees/<name>` of its git directory. */
export interface WorktreeEntry {
  name: Buffer;
  /** That folder. */
  folder: BytePath;
  /** Where the work tree is, or was. */
  path: BytePath;
  /** What `gitdir` says, without `/.git`: how git calls the work tree. */
  called: Buffer;
  created_at: Date;
  /** Whether it is as git makes it: an entry that leads elsewhere is not shown to git. */
  plain: boolean;
}

const MOST_ENTRIES = 1000;
const LONGEST_PATH = 8192;
const DOT_GIT = '/.git';
/** What git reads through the entry. */
const FILES = ['HEAD', 'index', 'locked'];

/** The entries of a repository, by its shared git directory. Throws GitFailed when there are more than a thousand. */
export async function readWorktreeEntries(common: string): Promise<WorktreeEntry[]> {
  const folder = inFolder(bytePath(common), 'worktrees');
  const names = await readdir(folder, { encoding: 'buffer' }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw new GitFailed('damaged', { cause: error });
  });
  if (names.length > MOST_ENTRIES) throw new GitFailed('too_large');
  const entries = await Promise.all(names.map((name) => readEntry(inFolder(folder, name))));
  return entries.filter((entry) => entry !== null);
}

/** Null for what git passes over, too: an entry that names no work tree, or that goes away at this moment. */
export async function readEntry(folder: BytePath): Promise<WorktreeEntry | null> {
  const status = await lstat(folder).catch(() => null);
  if (!status?.isDirectory()) return null;
  const called = await calledBy(folder);
  if (called?.length === 0) return null;
  // Written once, when the work tree was made.
  const made = await lstat(inFolder(folder, 'commondir')).catch(() => null);
  return {
    name: nameOf(folder),
    folder,
    called: called ?? folder,
    // Of one that cannot be read nobody knows where it leads; it is told by where it is kept.
    path: called === null || called[0] === DOT_GIT.charCodeAt(0) ? (called ?? folder) : inFolder(folder, called),
    created_at: made?.mtime ?? status.birthtime,
    plain: called !== null && (await isPlain(folder)),
  };
}

/**
 * When an entry was used last, of a work tree whose directory is gone: by what git writes with every commit, with what is
 * staged, and when something else is checked out.
 */
export async function lastUseOf(folder: BytePath): Promise<Date> {
  const times = ['commondir', 'HEAD', 'index', 'logs/HEAD'].map(
    async (name) => (await lstat(inFolder(folder, name)).catch(nullIfNothing))?.mtimeMs ?? 0,
  );
  return new Date(Math.max(...(await Promise.all(times))));
}

/** How git calls its work tree: nothing when there is none, null when that cannot be read. */
async function calledBy(folder: BytePath): Promise<Buffer | null> {
  try {
    return withoutDotGit((await readPlainFile(inFolder(folder, 'gitdir'), LONGEST_PATH)) ?? Buffer.alloc(0));
  } catch (error) {
    if (isOfSystem(error)) return null;
    throw error;
  }
}

async function isPlain(folder: BytePath): Promise<boolean> {
  const common = await readPlainFile(inFolder(folder, 'commondir'), LONGEST_PATH).catch(() => null);
  // Anything else would have git read the references of another repository.
  if (common?.toString('latin1').trimEnd() !== '../..') return false;
  for (const name of FILES) {
    const status = await lstat(inFolder(folder, name)).catch(() => null);
    if (status !== null && !status.isFile()) return false;
  }
  return true;
}

function withoutDotGit(text: Buffer): Buffer {
  let end = text.length;
  while (end > 0 && [0x0a, 0x0d, 0x20, 0x09].includes(text[end - 1] ?? 0)) end -= 1;
  const path = text.subarray(0, end);
  return path.toString('latin1').endsWith(DOT_GIT) ? path.subarray(0, -DOT_GIT.length) : path;
}
