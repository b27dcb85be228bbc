import { realpath } from 'node:fs/promises';
import { bytePath, shown, type BytePath } from './byte-path.js';
import type { RepositoryPlace } from './local-paths.service.js';

const SLASH = 0x2f;

/** Whether a true path lies below another one. */
export const isInside = (path: BytePath, folder: BytePath): boolean =>
  path.length > folder.length && path[folder.length] === SLASH && path.subarray(0, folder.length).equals(folder);

/** Places that must not go with a work tree, whoever asks. */
export interface Surroundings {
  place: RepositoryPlace;
  /** Where the server keeps what is its own. */
  root: string;
  /** Work trees of the repository that are there. */
  worktrees: readonly BytePath[];
  /** Where disks and other directories are mounted. */
  mounts: readonly BytePath[];
}

/** Why the directory of a work tree must stay whatever it holds; null when nothing that has to stay lies in it. */
export async function surroundedBy(path: BytePath, within: Surroundings): Promise<string | null> {
  const { place, root, worktrees, mounts } = within;
  const own = [process.cwd(), await realpath(root).catch(() => root)].map(bytePath);
  if (own.some((one) => one.equals(path) || isInside(one, path))) return 'this server works in it';
  if ([place.common, place.path].some((one) => isInside(bytePath(one), path)))
    return 'the repository itself lies in it';
  const inner = worktrees.find((one) => isInside(one, path));
  if (inner !== undefined) return `the work tree at ${shown(inner)} lies in it`;
  // A deletion goes through it: what is mounted is somebody else's.
  const mount = mounts.find((one) => isInside(one, path));
  return mount === undefined ? null : `something is mounted in it, at ${shown(mount)}`;
}

/** The same of other repositories, by where they are. */
export function surroundedByOther(path: BytePath, repositories: readonly string[]): string | null {
  const inner = repositories.find((one) => isInside(bytePath(one), path));
  return inner === undefined ? null : `the repository at ${inner} lies in it`;
}
