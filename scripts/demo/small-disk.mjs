// A disk of its own for a directory, as small as one likes, which is gone with the processes that see it.
import { spawnSync } from 'node:child_process';

/** Root of the namespace is who started it, or who may mount there. */
const WAYS = [
  ['unshare', '--mount', '--propagation', 'private'],
  ['unshare', '--mount', '--propagation', 'private', '--user', '--map-root-user'],
];

const MOUNT = 'mount -t tmpfs -o "size=$2m" tmpfs "$1" && shift 2 && exec "$@"';

/**
 * The beginning of a command line that runs the rest of it where `path` is a file system of so many MiB.
 * Throws an Error that says what is missing where nobody may mount anything.
 * @param {string} path of a directory
 * @param {number} size in MiB
 * @returns {string[]}
 */
export function smallDisk(path, size) {
  for (const way of WAYS) {
    const command = [...way, 'sh', '-c', MOUNT, 'sh', path, String(size)];
    const [program, ...args] = [...command, 'true'];
    if (spawnSync(program, args, { stdio: 'ignore' }).status === 0) return command;
  }
  throw new Error(
    'The day needs a small disk, and this account may not mount one: run it as root, or where user namespaces are allowed (unshare --user --mount).',
  );
}
