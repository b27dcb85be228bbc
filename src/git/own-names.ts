import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { commitsInLog } from '../head-log.js';
import { bytePath, inFolder, shown, type BytePath } from './byte-path.js';
import { codeOf, nullIfNothing } from './error-code.js';
import { GitFailed } from './git.errors.js';
import { readPlainFile } from './plain-file.js';

/** Something of a work tree's own that names commits, and goes with it. */
export interface Holder {
  /** As people are told it: `its ORIG_HEAD`. */
  name: string;
  /** What it names; not all of it need be there any more. */
  ids: string[];
  /** Whether it may name tags and files, too. */
  any: boolean;
}

const MOST_DEPTH = 64;
const MOST_FILES = 100_000;
const LARGEST_NAME = 1024 * 1024;
const LARGEST_LOG = 32 * 1024 * 1024;
const ID = /^[0-9a-f]{40}(?![0-9a-f])/gm;
const UNREADABLE = 'What the repository keeps about it cannot be read as a whole.';
const BOTH_ENDS = /^([0-9a-f]{40}) ([0-9a-f]{40}) /gm;
/** `ORIG_HEAD`, `MERGE_HEAD`, `MERGE_AUTOSTASH` and whatever else somebody has git keep by such a name. */
const PSEUDO_REF = /^[A-Z][A-Z0-9_]*$/;
/** HEAD is looked at by itself; what was fetched is where it was fetched from; the others hold text. */
const NO_HOLDERS = ['HEAD', 'FETCH_HEAD', 'COMMIT_EDITMSG', 'MERGE_MSG', 'SQUASH_MSG', 'TAG_EDITMSG', 'MERGE_RR'];
/** Where an operation that is under way notes what it began with. */
const BEGINNINGS = [
  'rebase-merge/orig-head',
  'rebase-merge/autostash',
  'rebase-apply/orig-head',
  'rebase-apply/autostash',
  'sequencer/head',
];

/**
 * What the folder of a work tree in the git directory of its repository names beside its HEAD. References of its own, as
 * `refs/worktree/`, `refs/bisect/` and `refs/rewritten/`, are nowhere else; branches and tags are not here. Read as plain
 * files: whoever writes there may have put links. Throws GitFailed.
 */
export async function readOwnNames(folder: BytePath): Promise<Holder[]> {
  const holders: Holder[] = [];
  const add = async (path: Buffer | string, name: string): Promise<void> => {
    const text = await textOf(inFolder(folder, path), LARGEST_NAME);
    holders.push({ name, ids: [...text.matchAll(ID)].map(([id]) => id), any: true });
  };
  for (const path of await filesBelow(folder, 'refs')) await add(path, `its reference ${shown(path)}`);
  for (const name of (await entriesOf(folder)).map((entry) => entry.name.toString('latin1')).sort())
    if (PSEUDO_REF.test(name) && !NO_HOLDERS.includes(name)) await add(name, `its ${name}`);
  for (const path of BEGINNINGS) await add(path, `its ${path}`);
  for (const path of await filesBelow(folder, 'logs')) {
    const text = await textOf(inFolder(folder, path), LARGEST_LOG);
    const of = shown(path.subarray('logs/'.length));
    const name = of === 'HEAD' ? 'the log of its HEAD' : `the log of its reference ${of}`;
    holders.push({ name, ids: commitsInLog(text, { replaced: true }), any: false });
  }
  return holders.filter(({ ids }) => ids.length > 0);
}

/**
 * Which of some commits are named by the logs of what the work trees of a repository share. With a branch its log stays: an
 * amended commit, or one that was reset away, is found there for as long as git keeps it.
 */
export async function namedInSharedLogs(
  common: string,
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Set<string>> {
  const found = new Set<string>();
  const folder = bytePath(common);
  for (const path of await filesBelow(folder, 'logs')) {
    signal.throwIfAborted();
    if (found.size === wanted.size) break;
    // What cannot be read excuses nothing.
    const text = await textOf(inFolder(folder, path), LARGEST_LOG).catch(() => '');
    for (const [, from = '', to = ''] of text.matchAll(BOTH_ENDS))
      for (const id of [from, to]) if (wanted.has(id)) found.add(id);
  }
  return found;
}

/** Nothing where there is no file. What is there and cannot be read may name anything. */
async function textOf(path: BytePath, most: number): Promise<string> {
  const text = await readPlainFile(path, most + 1).catch(throwUnreadable);
  if (text !== null && text.length > most) throw new GitFailed('too_large');
  return text?.toString('latin1') ?? '';
}

/** Plain files below a folder of a folder, by their ways from the latter. */
async function filesBelow(root: BytePath, name: string): Promise<Buffer[]> {
  const files: Buffer[] = [];
  const waiting: { path: Buffer; depth: number }[] = [{ path: Buffer.from(name), depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { path, depth } = next;
    const folder = inFolder(root, path);
    const status = await lstat(folder).catch(nullIfNothing).catch(throwUnreadable);
    if (status === null) continue;
    // Git makes no links here: what one leads to is not looked at, and is named by nothing else.
    if (!status.isDirectory()) throwUnreadable();
    if (depth > MOST_DEPTH || files.length > MOST_FILES) throw new GitFailed('too_large');
    for (const entry of await entriesOf(folder)) {
      const below = inFolder(path, entry.name);
      if (entry.isDirectory()) waiting.push({ path: below, depth: depth + 1 });
      else if (entry.isFile()) files.push(below);
      else throwUnreadable();
    }
  }
  return files;
}

/** What goes away at this moment has no entries. */
async function entriesOf(folder: BytePath): Promise<Dirent<Buffer>[]> {
  try {
    return await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    return throwUnreadable(error);
  }
}

function throwUnreadable(error?: unknown): never {
  throw new GitFailed('damaged', { cause: error }, { detail: UNREADABLE });
}
