// PostgreSQL refuses to run as root: root starts it as somebody else. Nobody else needs another account.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';

/** @typedef {{ uid: number, gid: number, name: string }} Account */

/**
 * @param {string} clusterDirectory an existing cluster keeps its owner, else another account would be locked out of it
 * @returns {Account | null} null = the account of this process
 */
export function chooseAccount(clusterDirectory) {
  if (process.getuid?.() !== 0) return null;
  const accounts = readAccounts();
  const owner = ownerOf(clusterDirectory);
  const chosen =
    accounts.find(({ uid }) => uid !== 0 && uid === owner) ??
    accounts.find(({ name }) => name === 'postgres') ??
    accounts.find(({ name }) => name === 'nobody');
  if (!chosen) {
    throw new Error(
      'PostgreSQL does not run as root, and /etc/passwd has neither "postgres" nor "nobody" to run it as. ' +
        'Run this command as an ordinary user, or set DATABASE_URL to a PostgreSQL server of yours.',
    );
  }
  return chosen;
}

/**
 * Whether `account` may walk into `directory`.
 * @param {Account | null} account
 * @param {string} directory
 */
export function canReach(account, directory) {
  if (!account) return true;
  // Asked of the kernel by going there as that account: mode bits alone miss ACLs, mount options and security modules.
  const probe = spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', directory], {
    uid: account.uid,
    gid: account.gid,
    cwd: '/',
    stdio: 'ignore',
    env: {},
  });
  if (probe.error) {
    throw new Error(
      `Cannot start a process as "${account.name}" (${probe.error.code}), and PostgreSQL does not run as root. ` +
        'Run this command as an ordinary user, or set DATABASE_URL to a PostgreSQL server of yours.',
    );
  }
  return probe.status === 0;
}

/** @returns {Account[]} */
export function readAccounts() {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 7)
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
}

function ownerOf(path) {
  return statSync(path, { throwIfNoEntry: false })?.uid ?? null;
}
