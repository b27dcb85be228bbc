import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inflate, type ZlibOptions } from 'node:zlib';
import { commitsInLog } from '../head-log.js';

/** What the agent's git directory says, read as plain files: running git in there would obey the agent's configuration. */
export interface AgentRefs {
  /** Commit of HEAD, when there is one. */
  readonly head: string | null;
  /** What its references lead to, those of the stash and of an operation under way among them. */
  readonly tips: readonly string[];
  /** What it has fetched. */
  readonly fetched: readonly string[];
  /** Commits that its HEAD has been at, apart from those that an amendment or a rebase put others in the place of. */
  readonly visited: readonly string[];
}

const HASH = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
const NOTHING: AgentRefs = { head: null, tips: [], fetched: [], visited: [] };
const MOST_DEPTH = 20;
const FETCHED = 'refs/remotes/';
/** What git notes in the middle of something: what is merged or picked, and changes it has put away for the time. */
const UNDER_WAY = [
  'MERGE_HEAD',
  'CHERRY_PICK_HEAD',
  'MERGE_AUTOSTASH',
  'rebase-merge/orig-head',
  'rebase-merge/autostash',
  'rebase-apply/orig-head',
  'rebase-apply/autostash',
];
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_COMMIT_BYTES = 1024 * 1024;
const inflated = promisify<Buffer, ZlibOptions, Buffer>(inflate);

export async function readAgentRefs(gitDir: string): Promise<AgentRefs> {
  if (!(await isDirectory(gitDir))) return NOTHING;
  const refs = new Map<string, string>(packedRefs(await readSmall(join(gitDir, 'packed-refs'))));
  for (const [name, hash] of await looseRefs(gitDir, 'refs')) refs.set(name, hash);
  const head = (await readSmall(join(gitDir, 'HEAD'))).trim();
  const named = head.startsWith('ref: ') ? refs.get(head.slice(5).trim()) : head;
  const underWay = await Promise.all(UNDER_WAY.map((name) => readSmall(join(gitDir, name))));
  // What was stashed before the last is in the log alone.
  const stashed = commitsInLog(await readSmall(join(gitDir, 'logs/refs/stash')), { replaced: true });
  const all = [...refs];
  const tips = [
    ...all.flatMap(([name, hash]) => (name.startsWith(FETCHED) ? [] : [hash])),
    ...underWay.flatMap((text) => text.split('\n').filter((line) => HASH.test(line))),
    ...stashed,
  ];
  return {
    head: named !== undefined && HASH.test(named) ? named : null,
    tips: [...new Set(tips)],
    fetched: [...new Set(all.flatMap(([name, hash]) => (name.startsWith(FETCHED) ? [hash] : [])))],
    visited: commitsInLog(await readSmall(join(gitDir, 'logs/HEAD')), { replaced: false }),
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
  const bytes = await readSmallBytes(join(gitDir, 'objects', sha.slice(0, 2), sha.slice(2)), MOST_COMMIT_BYTES);
  if (bytes === null) return null;
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

async function looseRefs(gitDir: string, folder: string, depth = 0): Promise<[string, string][]> {
  const path = join(gitDir, folder);
  if (depth > MOST_DEPTH || !(await isDirectory(path))) return [];
  const found: [string, string][] = [];
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await looseRefs(gitDir, name, depth + 1)));
    const hash = entry.isFile() ? (await readSmall(join(gitDir, name))).trim() : '';
    if (HASH.test(hash)) found.push([name, hash]);
  }
  return found;
}

const isDirectory = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => null))?.isDirectory() ?? false;

/** The text of a regular file of sane size; a pipe put there would hang the reader, an enormous file fill its memory. */
async function readSmall(path: string): Promise<string> {
  return (await readSmallBytes(path, MOST_BYTES))?.toString('utf8') ?? '';
}

async function readSmallBytes(path: string, most: number): Promise<Buffer | null> {
  // What it is may change between two looks, so the one that is looked at is the one that is read.
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => null);
  if (file === null) return null;
  try {
    const status = await file.stat();
    if (!status.isFile() || status.size > most) return null;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(status.size), 0, status.size, 0);
    return buffer.subarray(0, bytesRead);
  } catch {
    return null;
  } finally {
    await file.close();
  }
}
