// Where a cluster lies, and the directories on the way to it.
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { canReach, chooseAccount } from './account.mjs';

/**
 * Makes a directory that other accounts may pass through but not list. Where everybody may write, what somebody else
 * put there (or a link) is never trusted.
 * @param {string} path
 */
export function enterableDirectory(path) {
  mkdirSync(dirname(path), { recursive: true });
  mkdirSync(path, { recursive: true });
  const found = lstatSync(path);
  if (!found.isDirectory() || (process.getuid && found.uid !== process.getuid())) {
    throw new Error(
      `${path} does not belong to this account (it does to uid ${found.uid}). Use that account, or remove it.`,
    );
  }
  // Not through mkdir's mode: the umask would narrow it.
  if ((found.mode & 0o111) !== 0o111) chmodSync(path, 0o711);
  return path;
}

/**
 * Where the cluster lies and who runs it: in the data directory, unless the account that runs PostgreSQL cannot get
 * there (root's private home): then below /var/tmp, under a name made from the data directory's path so that the next
 * start finds it again.
 * @param {string} dataDirectory
 * @returns {{ account: import('./account.mjs').Account | null, cluster: string }}
 */
export function findCluster(dataDirectory) {
  const home = realpathSync(enterableDirectory(dataDirectory));
  const inside = join(home, 'cluster');
  const account = chooseAccount(inside);
  if (canReach(account, home)) return { account, cluster: inside };
  const name = createHash('sha256').update(home).digest('hex').slice(0, 16);
  const outside = join(enterableDirectory(`/var/tmp/miyabi-data-${name}`), 'cluster');
  return { account: chooseAccount(outside), cluster: outside };
}
