import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { newId } from '../ids.js';
import { codeOf } from './error-code.js';
import { GitFailed } from './git.errors.js';

const BEAT_MS = 2000;
const SILENT_MS = 20_000;
const POLL_MS = 100;

/** Tokens of the locks this process holds. */
const held = new Set<string>();

interface Holder {
  token: string;
  host: string;
  pid: number;
}

/**
 * Runs `work` while this process alone holds the lock file, as several API processes may share the mirrors. A
 * file, because it lives where the mirrors live and needs no database connection while a network is waited for.
 * Git's own locks keep a mirror right even if two should hold this one; it only saves them from each other's errors.
 * Throws GitFailed `locked` when the lock cannot be had in `patience_ms`.
 */
export async function withMirrorLock<T>(path: string, patience_ms: number, work: () => Promise<T>): Promise<T> {
  const release = await holdMirrorLock(path, patience_ms);
  try {
    return await work();
  } finally {
    await release();
  }
}

/** The same for work that is not one call: gives what releases it. */
export async function holdMirrorLock(path: string, patience_ms: number): Promise<() => Promise<void>> {
  const holder: Holder = { token: newId(), host: hostname(), pid: process.pid };
  held.add(holder.token);
  const giveBack = async (): Promise<void> => {
    held.delete(holder.token);
    if ((await readHolder(path))?.token === holder.token) await rm(path, { force: true });
  };
  try {
    await acquire(path, holder, patience_ms);
  } catch (error) {
    await giveBack();
    throw error;
  }
  const beat = keepAlive(path);
  return async () => {
    clearInterval(beat);
    await giveBack();
  };
}

/** Touches the lock for as long as it is held. */
function keepAlive(path: string): NodeJS.Timeout {
  const beat = setInterval(() => {
    const now = new Date();
    // A lock that was taken over is gone; the work under way ends all the same.
    utimes(path, now, now).catch(() => clearInterval(beat));
  }, BEAT_MS).unref();
  return beat;
}

async function acquire(path: string, holder: Holder, patience_ms: number): Promise<void> {
  const began = performance.now();
  let lastBeat: number | null = null;
  let heardAt = began;
  while (!(await create(path, holder))) {
    const beat = (await stat(path).catch(() => null))?.mtimeMs ?? null;
    if (beat !== lastBeat) {
      lastBeat = beat;
      heardAt = performance.now();
    }
    const present = await readHolder(path);
    // Silence is measured on our own clock: hosts that share a volume need not agree on the time.
    const silent = performance.now() - heardAt > SILENT_MS;
    if (present !== null && (silent || isDead(present))) await takeAway(path, present);
    else if (performance.now() - began > patience_ms) throw new GitFailed('locked');
    else await pause(POLL_MS);
  }
}

/** By link, so that the file appears whole or not at all. */
async function create(path: string, holder: Holder): Promise<boolean> {
  const draft = `${path}.${holder.token}`;
  await writeFile(draft, JSON.stringify(holder), { mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Null when there is no lock. */
async function readHolder(path: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Moves a dead holder's lock aside, and back again if it was another one by then. */
async function takeAway(path: string, dead: Holder): Promise<void> {
  const aside = `${path}.${newId()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if ((await readHolder(aside))?.token === dead.token) await rm(aside, { force: true });
  else await rename(aside, path);
}

function isDead({ host, pid, token }: Holder): boolean {
  if (host !== hostname()) return false;
  // A container that restarts has its old name and pid again.
  if (pid === process.pid) return !held.has(token);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}
