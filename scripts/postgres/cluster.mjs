// Makes a cluster: once, whole or not at all, with a password that only this data directory knows.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** The role and the database that every URL of ours names. */
export const NAME = 'miyabi';

/**
 * @typedef {{ account: import('./account.mjs').Account | null, binaries: import('./binaries.mjs').Binaries,
 *   cluster: string, connectionFile: string }} Place
 * @typedef {{ password: string, port: number | null }} Connection
 */

/**
 * How to run a PostgreSQL program: as the right account, without any of the caller's PG* settings.
 * @param {Place['account']} account
 */
export function programOptions(account) {
  const identity = account ? { uid: account.uid, gid: account.gid } : {};
  return { ...identity, cwd: '/', env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' } };
}

/**
 * @param {Place} place
 * @returns {Connection}
 */
export function ensureCluster(place) {
  // Data that had to lie elsewhere belongs to a data directory that has since been removed, to start afresh.
  const elsewhere = dirname(place.cluster) !== realpathSync(dirname(place.connectionFile));
  if (elsewhere && !existsSync(place.connectionFile)) rmSync(place.cluster, { recursive: true, force: true });
  if (!existsSync(join(place.cluster, 'PG_VERSION'))) create(place);
  refuseOtherVersion(place);
  return readConnection(place.connectionFile) ?? resetPassword(place);
}

/**
 * @param {string} connectionFile
 * @param {Connection} connection
 */
export function writeConnection(connectionFile, connection) {
  const unfinished = `${connectionFile}.${process.pid}`;
  writeFileSync(unfinished, `${JSON.stringify(connection, null, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, connectionFile);
}

/** @param {Place} place */
function create({ account, binaries, cluster, connectionFile }) {
  // Renamed when complete, so that an interrupted start leaves nothing that looks like a cluster.
  const unfinished = `${cluster}.new`;
  for (const path of [unfinished, cluster, connectionFile]) rmSync(path, { recursive: true, force: true });
  mkdirSync(unfinished);
  chmodSync(unfinished, 0o700);
  if (account) chownSync(unfinished, account.uid, account.gid);
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
  const options = [`--username=${NAME}`, '--auth=trust', '--no-sync', '--no-instructions', ...locale];
  const made = spawnSync(binaries.initdb, ['-D', unfinished, ...options], {
    ...programOptions(account),
    encoding: 'utf8',
  });
  if (made.status !== 0) {
    const reason = (made.stderr || made.error?.message || '').trim();
    throw new Error(`Could not create the database in ${cluster}:\n${reason}${hintFor(reason)}`);
  }
  // `trust` never runs: it would let every user of this machine in. initdb asks a password file for anything better.
  writeFileSync(join(unfinished, 'pg_hba.conf'), 'host all all 127.0.0.1/32 scram-sha-256\n');
  singleUser({ account, binaries, cluster: unfinished }, [`CREATE DATABASE ${NAME}`]);
  renameSync(unfinished, cluster);
}

/** Also the first password: whoever may write this directory owns the data anyway. */
function resetPassword(place) {
  const connection = { password: randomBytes(24).toString('base64url'), port: null };
  singleUser(place, [`ALTER ROLE ${NAME} PASSWORD '${connection.password}'`]);
  writeConnection(place.connectionFile, connection);
  return connection;
}

/** Runs statements without a server. They travel by stdin: an argument list can be read by everybody. */
function singleUser({ account, binaries, cluster }, statements) {
  const ran = spawnSync(binaries.postgres, ['--single', '-D', cluster, '-c', 'fsync=off', 'postgres'], {
    ...programOptions(account),
    encoding: 'utf8',
    input: statements.map((statement) => `${statement}\n`).join(''),
  });
  // A failed statement does not fail the program.
  const fault = /(ERROR|FATAL|PANIC): .*/.exec(ran.stderr ?? '');
  if (ran.status !== 0 || fault) {
    throw new Error(`Could not prepare the database in ${cluster}: ${fault?.[0] ?? ran.error?.message ?? ran.status}`);
  }
}

function refuseOtherVersion({ binaries, cluster }) {
  const made = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim();
  const major = binaries.version.split('.')[0];
  if (made === major) return;
  throw new Error(
    `The data in ${cluster} was made by PostgreSQL ${made}, and this version brings PostgreSQL ${major}. ` +
      `Keep the data by serving it with PostgreSQL ${made} and setting DATABASE_URL, or remove it to start afresh.`,
  );
}

function readConnection(file) {
  try {
    const { password, port } = JSON.parse(readFileSync(file, 'utf8'));
    return typeof password === 'string' ? { password, port: Number.isInteger(port) ? port : null } : null;
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}

function hintFor(reason) {
  if (!reason.includes('could not look up effective user ID')) return '';
  return '\nThis account has no entry in /etc/passwd. Run as one that has, or set DATABASE_URL to a server of yours.';
}
