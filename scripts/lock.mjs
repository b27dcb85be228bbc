// One at a time: a lock file that names its holder, and that the death of the holder frees.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { currentProcess, isSameProcess } from './processes.mjs';

/** @typedef {{ pid: number, started: string }} Holder */

/**
 * Takes the lock for this process until `release` or its death.
 * @param {string} file
 * @returns {{ release: () => void } | { holder: Holder }} `holder` = it is held by another live process
 */
export function takeLock(file) {
  mkdirSync(dirname(file), { recursive: true });
  const own = `${file}.${process.pid}`;
  writeFileSync(own, JSON.stringify(currentProcess()));
  try {
    for (;;) {
      if (createdFrom(own, file)) return { release: () => releaseOwn(file) };
      const holder = readHolder(file);
      if (isSameProcess(holder)) return { holder };
      removeStale(file, holder);
    }
  } finally {
    rmSync(own, { force: true });
  }
}

/**
 * Does `work` while no other process does it, waiting for its turn.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, work) {
  let lock = takeLock(file);
  if ('holder' in lock) console.log(`Waiting for process ${lock.holder.pid}, which is doing the same.`);
  for (; 'holder' in lock; lock = takeLock(file)) await sleep(200);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** A link is made or not made, and complete when made: creating and then writing would show an empty lock to others. */
function createdFrom(own, file) {
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Two may find the same stale lock; only what was judged stale may go, not the lock the other has taken since. */
function removeStale(file, judged) {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  const moved = readHolder(aside);
  if (isSameProcess(moved) && moved?.pid !== judged?.pid) createdFrom(aside, file);
  rmSync(aside, { force: true });
}

function releaseOwn(file) {
  if (readHolder(file)?.pid === process.pid) rmSync(file, { force: true });
}

/** @returns {Holder | null} */
function readHolder(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}
