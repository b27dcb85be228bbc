import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { newId } from '../ids.js';
import { codeOf } from './error-code.js';
import { GitFailed } from './git.errors.js';
import type { GitProcess } from './git-process.js';
import { createMirror, FETCH_QUIETLY, type FetchSource } from './mirror.js';
import type { Rebuilt } from './mirror-records.js';

/** A mirror that was made anew. */
export interface NewMirror extends Rebuilt {
  /** Where the damaged one is kept; null when nothing of it is missing and it is gone. */
  kept: string | null;
}

/** A branch of an execution, as a file says. */
export interface Branch {
  /** The whole name of the reference. */
  ref: string;
  /** Empty when it is torn. */
  sha: string;
}

const EXAMINED_FOR_MS = 10 * 60_000;
// Git holds a lock for moments; one that is older was left by a process that was killed.
const STALE_LOCK_MS = 60_000;
const OWN_BRANCHES = 'refs/heads/task';
const PACKED = /^([0-9a-f]{40}) (refs\/heads\/task\/[^\n]+)$/gm;
const SHA = /^[0-9a-f]{40}$/;

/** Removes locks that git left behind in a mirror; tells whether there were any. Only for who holds the mirror's lock. */
export async function removeStaleLocks(directory: string): Promise<boolean> {
  const names = await filesIn(directory, (name) => name !== 'objects');
  let found = false;
  for (const name of names.filter((one) => one.endsWith('.lock'))) {
    const path = join(directory, name);
    const { mtimeMs } = (await stat(path).catch(() => null)) ?? { mtimeMs: Infinity };
    if (Date.now() - mtimeMs < STALE_LOCK_MS) continue;
    await rm(path, { force: true });
    found = true;
  }
  return found;
}

/** Whether everything that a mirror should have is there and readable. Throws GitFailed when it cannot be told. */
export async function isWhole(git: GitProcess, directory: string): Promise<boolean> {
  const args = ['fsck', '--no-dangling', '--no-progress', '--no-reflogs'];
  const child = await git.start({ directory, args, timeout_ms: EXAMINED_FOR_MS });
  child.process.stdin.end();
  child.process.stdout.resume();
  const { code, stopped } = await child.ended;
  if (stopped !== null) throw new GitFailed(stopped);
  return code === 0;
}

/**
 * Puts a new mirror in the place of a damaged one, with all that can still be read of what executions pushed. When the
 * source cannot be fetched, everything stays as it was. Only for who holds the mirror's lock.
 */
export async function rebuildMirror(git: GitProcess, directory: string, source: FetchSource): Promise<NewMirror> {
  const fresh = `${directory}.rebuilt`;
  await rm(fresh, { recursive: true, force: true });
  await createMirror(git, fresh, source);
  const found = await branchesOf(directory);
  const saved = await carryOver(git, directory, fresh, found);
  const aside = join(dirname(directory), `.damaged-${newId()}-${nameOf(directory)}`);
  await rename(directory, aside);
  await rename(fresh, directory);
  // What was pushed in the meantime.
  const late = (await branchesOf(aside)).filter(
    ({ ref, sha }) => !found.some((one) => one.ref === ref && one.sha === sha),
  );
  for (const ref of await carryOver(git, aside, directory, late)) saved.add(ref);
  const lost = [...new Set([...found, ...late].map(({ ref }) => ref))].filter((ref) => !saved.has(ref));
  if (lost.length === 0) await rm(aside, { recursive: true, force: true });
  return { saved: namesOf(saved), lost: namesOf(lost), kept: lost.length === 0 ? null : aside };
}

/** Deletes what was kept of damaged mirrors of this name. */
export async function removeKept(directory: string): Promise<void> {
  for (const path of await keptOf(directory)) await rm(path, { recursive: true, force: true });
}

/** Branches of executions that damaged mirrors of this name are kept for: those that the mirror has not as they were. */
export async function keptBranches(directory: string): Promise<Branch[]> {
  const present = await branchesOf(directory);
  const kept = await Promise.all((await keptOf(directory)).map(branchesOf));
  return kept.flat().filter(({ ref, sha }) => !present.some((one) => one.ref === ref && one.sha === sha));
}

async function keptOf(directory: string): Promise<string[]> {
  const root = dirname(directory);
  const names = await readdir(root);
  return names
    .filter((name) => name.startsWith('.damaged-') && name.endsWith(nameOf(directory)))
    .map((name) => join(root, name));
}

const namesOf = (refs: Iterable<string>): string[] => [...refs].map((ref) => ref.replace('refs/heads/', '')).sort();

const nameOf = (directory: string): string => directory.slice(dirname(directory).length + 1);

/** Branches of executions, read without git, which reads nothing where one file is torn. */
async function branchesOf(directory: string): Promise<Branch[]> {
  const branches = new Map<string, string>();
  for (const [, sha = '', ref = ''] of (await textOf(join(directory, 'packed-refs'))).matchAll(PACKED))
    branches.set(ref, sha);
  for (const name of await filesIn(join(directory, OWN_BRANCHES))) {
    if (name.endsWith('.lock')) continue;
    const sha = (await textOf(join(directory, OWN_BRANCHES, name))).trim();
    // One that is torn as well is told of as lost.
    branches.set(`${OWN_BRANCHES}/${name}`, SHA.test(sha) ? sha : (branches.get(`${OWN_BRANCHES}/${name}`) ?? ''));
  }
  return [...branches].map(([ref, sha]) => ({ ref, sha }));
}

/** Fetches branches with all that is theirs from the objects of the damaged mirror; gives those that were whole. */
async function carryOver(git: GitProcess, from: string, to: string, branches: readonly Branch[]): Promise<Set<string>> {
  const saved = new Set<string>();
  const readable = branches.filter(({ sha }) => sha !== '');
  if (readable.length === 0) return saved;
  // A repository that is whole but for its objects, which are those of the damaged one.
  const bridge = `${to}.bridge`;
  await rm(bridge, { recursive: true, force: true });
  try {
    await git.run({ args: ['init', '--quiet', '--bare', '--template=', '--initial-branch=main', '--', bridge] });
    await writeFile(join(bridge, 'objects/info/alternates'), `${join(from, 'objects')}\n`);
    for (const branch of readable) if (await carryOne(git, bridge, to, branch)) saved.add(branch.ref);
  } finally {
    await rm(bridge, { recursive: true, force: true });
  }
  return saved;
}

async function carryOne(git: GitProcess, bridge: string, to: string, { ref, sha }: Branch): Promise<boolean> {
  try {
    await git.run({ directory: bridge, args: ['update-ref', '-z', '--stdin'], input: `create ${ref}\0${sha}\0` });
    const args = [...FETCH_QUIETLY, '--', bridge, `${ref}:${ref}`];
    await git.run({ directory: to, args, protocols: ['file'], timeout_ms: EXAMINED_FOR_MS });
    return true;
  } catch (error) {
    if (error instanceof GitFailed) return false;
    throw error;
  }
}

/** Files below a folder, by their way from there; none where the folder is not there. */
async function filesIn(folder: string, wanted: (name: string) => boolean = () => true, way = ''): Promise<string[]> {
  const entries = await readdir(join(folder, way), { withFileTypes: true }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  });
  const found: string[] = [];
  for (const entry of entries.filter(({ name }) => wanted(name))) {
    const path = way === '' ? entry.name : `${way}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await filesIn(folder, wanted, path)));
    else found.push(path);
  }
  return found;
}

/** Empty where it cannot be read. */
const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
