// What runs, written down, so that the next start can end what a killed one left behind.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SHUTDOWN } from '../postgres/leftover.mjs';
import { descendantsOf, endProcess, identify, isSameProcess, processesIn } from '../processes.mjs';
import { dataDirectory } from '../root.mjs';
import { fleetDirectory } from './settings.mjs';

const file = join(dataDirectory, 'run.json');

/** @typedef {{ name: string, pid: number, started: string }} Recorded */

/** The processes and the address of this run, kept up to date on disk. */
export class RunRecord {
  /** @type {Map<string, Recorded>} */
  #processes = new Map();
  /** @type {string | null} */
  #url = null;

  /** @param {string} url */
  setUrl(url) {
    this.#url = url;
    this.#write();
  }

  /**
   * @param {string} name
   * @param {number | null} pid null = it ended
   */
  set(name, pid) {
    if (pid === null) this.#processes.delete(name);
    else this.#processes.set(name, { name, ...identify(pid) });
    this.#write();
  }

  #write() {
    const unfinished = `${file}.${process.pid}`;
    const record = { url: this.#url, processes: [...this.#processes.values()] };
    writeFileSync(unfinished, `${JSON.stringify(record, null, 2)}\n`);
    renameSync(unfinished, file);
  }
}

/** @returns {{ url: string | null, processes: Recorded[] }} */
export function readRunRecord() {
  if (!existsSync(file)) return { url: null, processes: [] };
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return { url: null, processes: [] };
    throw error;
  }
}

/** Ends what a run that was killed left: its database last, so that the others can still write what they know. */
export async function endEarlierRun() {
  const left = readRunRecord().processes.filter(isSameProcess).reverse();
  for (const { name, pid } of left) {
    console.log(`Ending the ${name} that an earlier run left (process ${pid}).`);
    if (name === 'PostgreSQL') await endProcess(pid, { signals: SHUTDOWN });
    else await endWithDescendants(pid);
  }
  await endAgents();
}

/**
 * Agents without their workers: whatever still works in the directory of the fleet.
 * @returns {Promise<void>}
 */
export async function endAgents() {
  await Promise.all(processesIn(fleetDirectory).map(({ pid }) => endProcess(pid, { waitMs: 1000 })));
}

/**
 * @param {number} pid
 * @param {number} [waitMs] how long it has to end by itself, its agents with it
 */
export async function endWithDescendants(pid, waitMs = 15_000) {
  const known = descendantsOf(pid);
  await endProcess(pid, { waitMs });
  await Promise.all(known.filter(isSameProcess).map((child) => endProcess(child.pid, { waitMs: 1000 })));
}
