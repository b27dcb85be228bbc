// What an earlier run left in a cluster: a live server, orphaned backends, or a pid file that now names a stranger.
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, findProcess, processesIn } from '../processes.mjs';

// Fast shutdown, then immediate (recovered at the next start), then the kernel's.
export const SHUTDOWN = /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGQUIT', 'SIGKILL']);

/**
 * The server's own file: pid, directory, start, port, socket, address, shared memory, status.
 * @param {string} cluster
 * @returns {{ pid: number, status: string } | null}
 */
export function readPidFile(cluster) {
  try {
    const lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), status: (lines[7] ?? '').trim() };
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Leaves a cluster that a new server can start in. A live leftover is stopped rather than taken over: that costs 0.1 s,
 * and a server whose programs an `npm ci` has replaced under it is not one to build on.
 * @param {string} cluster
 */
export async function clearLeftover(cluster) {
  const recorded = readPidFile(cluster);
  if (recorded && isServerOf(recorded.pid, cluster)) {
    await endProcess(recorded.pid, { signals: SHUTDOWN, waitMs: 10_000 });
  }
  // Backends outlive a postmaster that was killed for as long as their statement runs, and hold its shared memory.
  for (const { pid, command } of processesIn(cluster)) {
    if (isPostgres(command)) await endProcess(pid, { signals: ['SIGQUIT', 'SIGKILL'], waitMs: 1000 });
  }
  // Only the pid file of a zombie or of a recycled number still stands in the way; the server would refuse to start.
  if (readPidFile(cluster)) rmSync(join(cluster, 'postmaster.pid'), { force: true });
}

function isServerOf(pid, cluster) {
  const found = findProcess(pid);
  if (!found || !isPostgres(found.command)) return false;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === cluster;
  } catch {
    // Without /proc the command line must do: our servers are started with the directory in it.
    return found.command.includes(cluster);
  }
}

/** The postmaster by its path, its backends by the title they give themselves. */
function isPostgres(command) {
  return /(^|\/)postgres(:| |$)/.test(command);
}
