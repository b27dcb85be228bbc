// A real PostgreSQL server of our own: started in a directory, stopped in order, none left behind.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, portState } from '../ports.mjs';
import { endProcess } from '../processes.mjs';
import { prepareBinaries } from './binaries.mjs';
import { ensureCluster, NAME, programOptions, writeConnection } from './cluster.mjs';
import { findCluster } from './directories.mjs';
import { clearLeftover, readPidFile, SHUTDOWN } from './leftover.mjs';

const START_ATTEMPTS = 5;
// Crash recovery replays the log before it says ready.
const READY_WITHIN_MS = 120_000;

/**
 * @typedef {object} PostgresServer
 * @property {string} url with the password in it: not for logs
 * @property {number} port
 * @property {number} pid
 * @property {string} cluster where the data lies
 * @property {Promise<string>} ended resolves, with how it ended, whoever ended it
 * @property {() => Promise<void>} stop fast shutdown; twice is fine
 */

/**
 * Starts a server on 127.0.0.1, creating its cluster first when there is none. One caller at a time per directory.
 * @param {{ dataDirectory: string, port?: number, fsync?: boolean }} options without `port`: the one used last, or a
 *   free one; `fsync: false` only for data that may be lost
 * @returns {Promise<PostgresServer>}
 */
export async function startPostgres({ dataDirectory, port, fsync = true }) {
  const { account, cluster } = findCluster(dataDirectory);
  const binaries = prepareBinaries(account);
  const place = { account, binaries, cluster, connectionFile: join(dataDirectory, 'connection.json') };
  await clearLeftover(place.cluster);
  const connection = ensureCluster(place);
  const log = join(dataDirectory, 'server.log');

  for (let attempt = 1; ; attempt += 1) {
    const chosen = port ?? (await usualOrFreePort(connection.port));
    const server = launch({ place, log, port: chosen, fsync });
    const fault = await untilReady(server, place.cluster);
    if (fault === null) {
      if (chosen !== connection.port) writeConnection(place.connectionFile, { ...connection, port: chosen });
      return present(server, { port: chosen, password: connection.password, cluster: place.cluster });
    }
    const output = readFileSync(log, 'utf8').trim();
    // Between our look and its bind somebody else may take the port; a killed server's memory is freed a moment late.
    const passes = /could not create any TCP\/IP sockets|pre-existing shared memory block|lock file "/.test(output);
    if (!passes || attempt === START_ATTEMPTS) {
      throw new Error(`PostgreSQL did not start in ${place.cluster} (${fault}):\n${output.slice(-2000)}`);
    }
    connection.port = null;
    await sleep(200 * attempt);
    await clearLeftover(place.cluster);
  }
}

function launch({ place, log, port, fsync }) {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 300,
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(fsync ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const output = openSync(log, 'w', 0o600);
  try {
    const child = spawn(place.binaries.postgres, ['-D', place.cluster, '-p', String(port), ...flags], {
      ...programOptions(place.account),
      stdio: ['ignore', output, output],
      // Its own session: a Ctrl-C in the terminal must not reach it before those who still write to it.
      detached: true,
    });
    const ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ? `ended by ${signal}` : `exit code ${code}`));
    });
    return { child, ended };
  } finally {
    closeSync(output);
  }
}

/** @returns {Promise<string | null>} null when it serves, else how it ended */
async function untilReady({ child, ended }, cluster) {
  let fault = null;
  void ended.then((how) => (fault = how));
  for (const deadline = Date.now() + READY_WITHIN_MS; Date.now() < deadline; await sleep(10)) {
    if (fault !== null) return fault;
    const file = readPidFile(cluster);
    if (file?.pid === child.pid && file?.status === 'ready') return null;
  }
  await endProcess(child.pid, { signals: SHUTDOWN });
  return `not ready after ${READY_WITHIN_MS / 1000} s`;
}

/** @returns {PostgresServer} */
function present({ child, ended }, { port, password, cluster }) {
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      await endProcess(child.pid, { signals: SHUTDOWN, waitMs: 10_000 });
    }
    await ended;
  };
  return {
    url: `postgres://${NAME}:${password}@127.0.0.1:${port}/${NAME}`,
    port,
    pid: child.pid,
    cluster,
    ended,
    stop,
  };
}

async function usualOrFreePort(usual) {
  return usual !== null && (await portState(usual)) === 'free' ? usual : freePort();
}
