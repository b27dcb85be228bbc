// Which processes live, who they are, and how to end them for good. Linux reads /proc; elsewhere `ps` answers.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const hasProc = existsSync('/proc/self/stat');

/** @typedef {{ pid: number, parent: number, started: string, command: string }} Process */

/**
 * A live process, or null. A zombie is dead: it only waits for a parent that may never look.
 * @param {number} pid
 * @returns {Process | null}
 */
export function findProcess(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return null;
  if (hasProc) return readProc(pid);
  return listWithPs(['-p', String(pid)])[0] ?? null;
}

/**
 * True when `pid` lives and is the process that was recorded, not a later one that was given the same number.
 * @param {{ pid: number, started: string } | null | undefined} recorded
 */
export function isSameProcess(recorded) {
  return recorded != null && findProcess(recorded.pid)?.started === recorded.started;
}

/** This process in the form that `isSameProcess` understands later. */
export function currentProcess() {
  return identify(process.pid);
}

/** @param {number} pid */
export function identify(pid) {
  return { pid, started: findProcess(pid)?.started ?? '' };
}

/** @returns {Process[]} every live process that this account can see */
export function listProcesses() {
  if (!hasProc) return listWithPs(['-ax']);
  return numericEntries('/proc')
    .map(readProc)
    .filter((found) => found !== null);
}

/**
 * `pid`'s children, their children and so on, without `pid` itself.
 * @param {number} pid
 * @returns {Process[]}
 */
export function descendantsOf(pid) {
  const all = listProcesses();
  const found = all.filter(({ parent }) => parent === pid);
  // The array grows while it is walked: each hit is asked for its own children in turn.
  for (const { pid: next } of found) found.push(...all.filter(({ parent }) => parent === next));
  return found;
}

/**
 * Processes whose working directory is `directory` or lies below it. Finds what re-parented itself away. Linux only.
 * @param {string} directory
 * @returns {Process[]}
 */
export function processesIn(directory) {
  return processesWhere((pid) => {
    const cwd = readlinkSync(`/proc/${pid}/cwd`);
    return cwd === directory || cwd.startsWith(directory + sep);
  });
}

/**
 * Processes that were started with `assignment` (`NAME=value`) in their environment. Linux only.
 * @param {string} assignment
 * @returns {Process[]}
 */
export function processesTagged(assignment) {
  return processesWhere((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(assignment));
}

/**
 * Asks a process to end and insists when it has not done so in time. Never signals a later process with the same number.
 * @param {number} pid
 * @param {{ signals?: NodeJS.Signals[], waitMs?: number }} [options] tried in order, waiting `waitMs` after each
 * @returns {Promise<boolean>} whether it is gone
 */
export async function endProcess(pid, { signals = ['SIGTERM', 'SIGKILL'], waitMs = 5000 } = {}) {
  const recorded = identify(pid);
  for (const signal of signals) {
    if (!isSameProcess(recorded)) return true;
    sendSignal(pid, signal);
    if (await hasEnded(recorded, waitMs)) return true;
  }
  return !isSameProcess(recorded);
}

/**
 * @param {{ pid: number, started: string }} recorded
 * @param {number} waitMs
 */
export async function hasEnded(recorded, waitMs) {
  for (const deadline = Date.now() + waitMs; Date.now() < deadline; await sleep(20)) {
    if (!isSameProcess(recorded)) return true;
  }
  return !isSameProcess(recorded);
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 * @returns {boolean} false when there is nobody to signal
 */
export function sendSignal(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (error.code === 'ESRCH') return false;
    throw error;
  }
}

/** @returns {Process | null} */
function readProc(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may itself hold spaces and brackets: the fields begin after the last one.
    const [state, parent, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return null;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
    return { pid, parent: Number(parent), started: rest[17], command };
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

function processesWhere(matches) {
  if (!hasProc) return [];
  return numericEntries('/proc')
    .filter((pid) => {
      try {
        return matches(pid);
      } catch (error) {
        if (isGone(error)) return false;
        throw error;
      }
    })
    .map(readProc)
    .filter((found) => found !== null);
}

/** Ended while we looked, or somebody else's. */
function isGone(error) {
  return ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code);
}

function numericEntries(directory) {
  return readdirSync(directory)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** @returns {Process[]} */
function listWithPs(selection) {
  try {
    const output = execFileSync('ps', [...selection, '-o', 'pid=,ppid=,state=,lstart=,command='], { encoding: 'utf8' });
    return output.split('\n').flatMap((line) => {
      const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.*)$/.exec(line);
      if (!match || match[3].startsWith('Z')) return [];
      return [{ pid: Number(match[1]), parent: Number(match[2]), started: match[4], command: match[5] }];
    });
  } catch (error) {
    // ps exits with 1 when it selects nobody.
    if (error.status === 1) return [];
    throw error;
  }
}
