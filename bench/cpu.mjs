// How much processor time processes have had. Linux only.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The kernel counts in hundredths of a second. */
const TICK_MS = 10;

/** Milliseconds that a process has had so far. */
export function cpuOf(pid) {
  const [own, system] = timesOf(pid);
  return own + system;
}

/** The same for all processes that run in a directory, those of its children that have ended included. */
export function cpuIn(directory) {
  let sum = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readlinkSync(`/proc/${pid}/cwd`).startsWith(directory)) continue;
      sum += timesOf(pid).reduce((total, time) => total + time, 0);
    } catch {
      // It has ended.
    }
  }
  return sum;
}

/** Milliseconds in the program, in the kernel for it, and both of its children that have ended. */
function timesOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return fields.slice(11, 15).map((ticks) => Number(ticks) * TICK_MS);
}

/** Mebibytes that a process holds for itself, shared pages by their share. */
export function memoryOf(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) / 1024;
}
