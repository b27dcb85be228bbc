// Who listens on a port, and which port is free.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { findProcess } from './processes.mjs';

const LISTENING = '0A';

/**
 * @param {number} port
 * @param {string} [host]
 * @returns {Promise<'free' | 'taken' | 'forbidden'>} forbidden = this account may not listen there, or the address is not ours
 */
export function portState(port, host = '127.0.0.1') {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (error.code === 'EADDRINUSE') resolve('taken');
      else if (['EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND'].includes(error.code)) resolve('forbidden');
      else reject(error);
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve('free')));
  });
}

/** @returns {Promise<number>} a port the system considers free on the loopback */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/**
 * The process that listens on a port; null when there is none or it belongs to an account we cannot look into.
 * @param {number} port
 * @returns {{ pid: number, command: string } | null}
 */
export function findListener(port) {
  const pid = existsSync('/proc/net/tcp') ? findInProc(port) : findWithLsof(port);
  const found = pid === null ? null : findProcess(pid);
  return found && { pid: found.pid, command: found.command };
}

/**
 * @param {{ pid: number, command: string } | null} listener
 */
export function describeListener(listener) {
  if (!listener) return 'a process of another account';
  const { pid, command } = listener;
  return `process ${pid} (${command.length > 120 ? `${command.slice(0, 119)}…` : command})`;
}

function findInProc(port) {
  const inodes = ['/proc/net/tcp', '/proc/net/tcp6'].filter(existsSync).flatMap((file) => listeningInodes(file, port));
  if (inodes.length === 0) return null;
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const holder = pids.find((pid) => openFiles(pid).some((target) => wanted.has(target)));
  return holder ? Number(holder) : null;
}

function listeningInodes(file, port) {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hexPort}`) && fields[3] === LISTENING)
    .map((fields) => fields[9]);
}

/** Files close and processes end while we look, and other accounts' files are not ours to see: both count as nothing. */
function openFiles(pid) {
  const orNothing = (read, nothing) => {
    try {
      return read();
    } catch {
      return nothing;
    }
  };
  const directory = `/proc/${pid}/fd`;
  return orNothing(() => readdirSync(directory), []).map((fd) =>
    orNothing(() => readlinkSync(`${directory}/${fd}`), ''),
  );
}

function findWithLsof(port) {
  try {
    const output = execFileSync('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-t'], { encoding: 'utf8' });
    return Number(output.split('\n')[0]) || null;
  } catch {
    // Not installed, or nobody listens: either way there is no name to give.
    return null;
  }
}
