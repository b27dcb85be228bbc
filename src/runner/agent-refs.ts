import { createHash } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { lstat, open, readdir, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { inflate, type ZlibOptions } from 'node:zlib';
import { commitsInLog } from '../head-log.js';

/** What the agent's git directory says, read as plain files: running git in there would obey the agent's configuration. */
export interface AgentRefs {
  /** Commit of HEAD, when there is one. */
  readonly head: string | null;
  /** What HEAD is on, also before its first commit; null when it is detached, or no branch. */
  readonly branch: string | null;
  /** What its references lead to, those of the stash and of an operation under way among them. */
  readonly tips: readonly string[];
  /** What it has fetched. */
  readonly fetched: readonly string[];
  /** Commits that its HEAD has been at, apart from those that an amendment or a rebase put others in the place of. */
  readonly visited: readonly string[];
  /** Work trees that the agent has linked to its checkout and that lie outside of it. */
  readonly linked: readonly string[];
  /** Why there may be more of all that; null when there is not. */
  readonly unread: string | null;
  /** Whether the agent has left files out of its checkout, so that those are not deleted. */
  readonly isSparse: boolean;
}

const HASH = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
const NOTHING: AgentRefs = {
  head: null,
  branch: null,
  tips: [],
  fetched: [],
  visited: [],
  linked: [],
  unread: null,
  isSparse: false,
};
const NOT_ITS_OWN = 'its .git is not the directory that was made for it';
const UNREADABLE = 'its git directory cannot be read as a whole';
/** Where git notes that not all files are wanted; read as text, as nothing hangs on it but what is taken for deleted. */
const SETTINGS = ['config', 'config.worktree'];
const SPARSE = /^\s*sparsecheckout\s*(?:=\s*(?:true|yes|on|1)\s*)?$/im;
const MOST_DEPTH = 20;
const MOST_LINKED = 1000;
const FETCHED = 'refs/remotes/';
/** What no name of a branch may hold is left out; with another way of keeping references this is where git says so. */
const ON_BRANCH = /^ref: refs\/heads\/((?!\.invalid$)[^\p{Cc} ~^:?*[\\]+)$/u;
/** `MERGE_HEAD`, `MERGE_AUTOSTASH` and whatever else somebody has git keep by such a name. */
const PSEUDO_REF = /^[A-Z][A-Z0-9_]*$/;
/** What is looked at otherwise, or was fetched, or left for what others took the place of, or is no commit. */
const NO_PSEUDO_REFS = ['HEAD', 'FETCH_HEAD', 'ORIG_HEAD', 'AUTO_MERGE'];
/** What an operation that is under way began with, and changes it has put away for the time. */
const BEGINNINGS = [
  'rebase-merge/orig-head',
  'rebase-merge/autostash',
  'rebase-apply/orig-head',
  'rebase-apply/autostash',
  'sequencer/head',
];
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_COMMIT_BYTES = 1024 * 1024;
const inflated = promisify<Buffer, ZlibOptions, Buffer>(inflate);

export async function readAgentRefs(gitDir: string): Promise<AgentRefs> {
  if (!(await isThere(gitDir))) return NOTHING;
  // What is in its place may lead to commits anywhere.
  if (!(await isDirectory(gitDir))) return { ...NOTHING, unread: NOT_ITS_OWN };
  const reader = new Reader();
  const packed = await reader.text(join(gitDir, 'packed-refs'));
  if (isNoText(packed)) reader.isWhole = false;
  const refs = new Map<string, string>(packedRefs(packed));
  for (const [name, hash] of await reader.looseRefs(gitDir)) refs.set(name, hash);
  // Another way to keep references, of which nothing is read here.
  if ((await reader.entries(join(gitDir, 'reftable'))).length > 0) reader.isWhole = false;
  const head = (await reader.text(join(gitDir, 'HEAD'))).trim();
  const named = head.startsWith('ref: ') ? refs.get(head.slice(5).trim()) : head;
  // What was stashed before the last is in the log alone.
  const stashed = commitsInLog(await reader.text(join(gitDir, 'logs/refs/stash')), { replaced: true });
  const linked = await reader.linked(gitDir);
  const settings = await Promise.all(SETTINGS.map((name) => reader.text(join(gitDir, name))));
  const all = [...refs];
  const tips = [
    ...all.flatMap(([name, hash]) => (name.startsWith(FETCHED) ? [] : [hash])),
    ...(await reader.underWay(gitDir)),
    ...stashed,
    ...linked.tips,
  ];
  return {
    head: named !== undefined && HASH.test(named) ? named : null,
    branch: ON_BRANCH.exec(head)?.[1] ?? null,
    tips: [...new Set(tips)],
    fetched: [...new Set(all.flatMap(([name, hash]) => (name.startsWith(FETCHED) ? [hash] : [])))],
    visited: [...new Set([...(await reader.visited(gitDir)), ...linked.visited])],
    linked: linked.paths,
    unread: reader.isWhole ? null : UNREADABLE,
    isSparse: settings.some((text) => SPARSE.test(text)),
  };
}

/**
 * Whether the objects may be read as a store of the runner's git. Links and alternates would make it read (and then push)
 * files of other places, which the agent may have no right to see.
 */
export async function isPlainObjectStore(objects: string): Promise<boolean> {
  if (!(await isDirectory(objects))) return false;
  for (const entry of await readdir(objects, { withFileTypes: true })) {
    if (!entry.isDirectory()) return false;
    for (const inner of await readdir(join(objects, entry.name), { withFileTypes: true })) {
      const isChain = entry.name === 'info' && inner.isDirectory() && inner.name === 'commit-graphs';
      if (inner.name.endsWith('alternates') || !(inner.isFile() || isChain)) return false;
    }
  }
  return true;
}

/** The tree of a commit that is a file of its own, as new ones are; null where it is not, or cannot be read. */
export async function treeOfLoose(gitDir: string, sha: string): Promise<string | null> {
  const bytes = await readSmall(join(gitDir, 'objects', sha.slice(0, 2), sha.slice(2)), MOST_COMMIT_BYTES);
  if (!bytes) return null;
  try {
    const commit = await inflated(bytes, { maxOutputLength: MOST_COMMIT_BYTES });
    if (createHash('sha1').update(commit).digest('hex') !== sha) return null;
    return /^commit \d+\0tree ([0-9a-f]{40})\n/.exec(commit.toString('latin1'))?.[1] ?? null;
  } catch {
    return null;
  }
}

function packedRefs(text: string): [string, string][] {
  return text.split('\n').flatMap((line): [string, string][] => {
    const [hash = '', name = ''] = line.split(' ');
    return HASH.test(hash) && name.startsWith('refs/') ? [[name, hash]] : [];
  });
}

/** Reads plain files of an agent's, and remembers when there was something that it could not read. */
class Reader {
  isWhole = true;

  /** Empty where there is none. */
  async text(path: string): Promise<string> {
    const bytes = await readSmall(path, MOST_BYTES);
    if (bytes === undefined) this.isWhole = false;
    return bytes?.toString('utf8') ?? '';
  }

  /** Of a directory; none where there is none. */
  async entries(path: string): Promise<Dirent[]> {
    try {
      // A link leads elsewhere.
      if ((await lstat(path)).isDirectory()) {
        const entries = await readdir(path, { withFileTypes: true });
        if (entries.some(({ name }) => isNoText(name))) this.isWhole = false;
        return entries;
      }
    } catch (error) {
      if (isOfNothing(error)) return [];
    }
    this.isWhole = false;
    return [];
  }

  async looseRefs(gitDir: string, folder = 'refs', depth = 0): Promise<[string, string][]> {
    const found: [string, string][] = [];
    for (const entry of await this.entries(join(gitDir, folder))) {
      const name = `${folder}/${entry.name}`;
      // Git makes no links here, nor anything else.
      if (depth === MOST_DEPTH || !(entry.isFile() || entry.isDirectory())) this.isWhole = false;
      else if (entry.isDirectory()) found.push(...(await this.looseRefs(gitDir, name, depth + 1)));
      else {
        const hash = (await this.text(join(gitDir, name))).trim();
        if (HASH.test(hash)) found.push([name, hash]);
      }
    }
    return found;
  }

  async underWay(gitDir: string): Promise<string[]> {
    const own = (await this.entries(gitDir)).map(({ name }) => name);
    const pseudo = own.filter((name) => PSEUDO_REF.test(name) && !NO_PSEUDO_REFS.includes(name));
    const texts = await Promise.all([...pseudo, ...BEGINNINGS].map((name) => this.text(join(gitDir, name))));
    return texts.flatMap((text) => text.split('\n').filter((line) => HASH.test(line)));
  }

  async visited(gitDir: string): Promise<string[]> {
    return commitsInLog(await this.text(join(gitDir, 'logs/HEAD')), { replaced: false });
  }

  /** What belongs to work trees that were linked to the checkout; each has a HEAD and references of its own. */
  async linked(gitDir: string): Promise<{ tips: string[]; visited: string[]; paths: string[] }> {
    const found = { tips: [] as string[], visited: [] as string[], paths: [] as string[] };
    const folders = (await this.entries(join(gitDir, 'worktrees'))).filter((entry) => entry.isDirectory());
    if (folders.length > MOST_LINKED) this.isWhole = false;
    for (const { name } of folders.slice(0, MOST_LINKED)) {
      const own = join(gitDir, 'worktrees', name);
      const head = (await this.text(join(own, 'HEAD'))).trim();
      const refs = await this.looseRefs(own);
      found.tips.push(
        ...(HASH.test(head) ? [head] : []),
        ...refs.map(([, hash]) => hash),
        ...(await this.underWay(own)),
      );
      found.visited.push(...(await this.visited(own)));
      const path = resolve(own, dirname((await this.text(join(own, 'gitdir'))).trimEnd() || 'none/.git'));
      const isInside = path.startsWith(`${dirname(gitDir)}/`);
      if (!isInside && (await isThere(path))) found.paths.push(path);
    }
    return found;
  }
}

/** By such a name nothing is found, and two may look the same. */
const isNoText = (name: string): boolean => name.includes('\uFFFD');

const isOfNothing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes(String((error as { code?: unknown } | null)?.code));

const isDirectory = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => null))?.isDirectory() ?? false;

/** Unless the disk says that there is nothing. */
const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    (error: unknown) => !isOfNothing(error),
  );

/**
 * A regular file of sane size; a pipe put there would hang the reader, an enormous file fill its memory. Null where there is
 * nothing, undefined for what cannot be read.
 */
async function readSmall(path: string, most: number): Promise<Buffer | null | undefined> {
  // What it is may change between two looks, so the one that is looked at is the one that is read.
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let file: FileHandle | null = null;
  try {
    file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const status = await file.stat();
    if (!status.isFile() || status.size > most) return undefined;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(status.size), 0, status.size, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    return isOfNothing(error) ? null : undefined;
  } finally {
    await file?.close();
  }
}
