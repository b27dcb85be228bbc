// A server for data that may be lost: for the tests, and by hand with `node scripts/postgres/throwaway.mjs`, which
// prints the URL and serves until it is interrupted.
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { currentProcess, endProcess, isSameProcess, processesIn } from '../processes.mjs';
import { scratchParent, scratchParents } from '../scratch.mjs';
import { findCluster } from './directories.mjs';
import { clearLeftover } from './leftover.mjs';
import { startPostgres } from './server.mjs';

const PREFIX = 'miyabi-throwaway-';

/**
 * A server with fsync off in a temporary directory; `stop` removes that as well, with all that others put there.
 * @returns {Promise<import('./server.mjs').PostgresServer & { directory: string }>}
 */
export async function startThrowaway() {
  await removeAbandoned();
  const directory = realpathSync(mkdtempSync(join(scratchParent(), PREFIX)));
  // Root's server runs as another account, which must be able to pass.
  chmodSync(directory, 0o711);
  writeFileSync(join(directory, 'owner.json'), JSON.stringify(currentProcess()));
  const dataDirectory = join(directory, 'postgres');
  try {
    const server = await startPostgres({ dataDirectory, fsync: false });
    const stop = async () => {
      await server.stop();
      remove(directory, server.cluster);
    };
    return { ...server, directory, stop };
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

/** Ends and removes what runs that were killed could not clean up themselves. */
async function removeAbandoned() {
  for (const directory of scratchParents().flatMap(throwawaysIn)) {
    const owner = readOwner(directory);
    if (!owner || isSameProcess(owner)) continue;
    // Tests of a killed run and what they started.
    for (const { pid } of processesIn(directory)) await endProcess(pid, { signals: ['SIGKILL'] });
    const { cluster } = findCluster(join(directory, 'postgres'));
    await clearLeftover(cluster);
    remove(directory, cluster);
  }
}

/** @param {string} parent */
function throwawaysIn(parent) {
  if (!existsSync(parent)) return [];
  const names = readdirSync(parent).filter((name) => name.startsWith(PREFIX));
  return names.map((name) => join(parent, name));
}

function remove(directory, cluster) {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  // Elsewhere when the server's account could not enter the temporary directory.
  rmSync(dirname(cluster), { recursive: true, force: true });
}

/** @returns {{ pid: number, started: string } | null} null = not ours to judge */
function readOwner(directory) {
  try {
    return JSON.parse(readFileSync(join(directory, 'owner.json'), 'utf8'));
  } catch {
    return null;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await startThrowaway();
  const stop = () => void server.stop();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  console.log(server.url);
}
