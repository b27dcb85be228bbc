import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findRepositories } from '../nested-repositories.js';

export interface InnerPlan {
  readonly checkout: string;
  /** Paths that a commit holds only a link for. */
  readonly linked: readonly string[];
  /** Paths of the files that are committed. */
  readonly committed: () => Promise<readonly string[]>;
  readonly signal: AbortSignal;
}

/**
 * Why repositories inside of a checkout keep it, a sentence each: no commit holds what is in them, also where a .gitignore
 * names the folder they are in, and of submodules what the agent's git keeps apart.
 */
export async function innerRepositories({ checkout, linked, committed, signal }: InnerPlan): Promise<string[]> {
  const { worked, bare, unseen } = await findRepositories(Buffer.from(checkout), signal);
  const files = new Set(bare.length === 0 ? [] : await committed());
  const own = [...worked, ...bare].map(String).filter((path) => !files.has(`${path}/HEAD`));
  const paths = new Set([...(await filled(checkout, linked)), ...own]);
  const reasons = [...paths].map((path) => `${path} is a repository of its own`);
  if (unseen !== null) reasons.push(`repositories of their own may be in it: ${unseen}`);
  reasons.push(...(await replaced(checkout, linked)).map((path) => `${path} is in the place of a submodule`));
  const apart = (await readdir(join(checkout, '.git', 'modules')).catch(() => [])).sort();
  return [...reasons, ...apart.map((name) => `.git/modules/${name} is the repository of a submodule`)];
}

/** What is no directory git would take for what was committed there. */
async function replaced(checkout: string, paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map((path) => lstat(join(checkout, path)).catch(() => null)));
  return paths.filter((_, at) => found[at]?.isDirectory() === false);
}

async function filled(checkout: string, paths: readonly string[]): Promise<string[]> {
  const sizes = await Promise.all(
    paths.map(async (path) => (await readdir(join(checkout, path)).catch(() => [])).length),
  );
  return paths.filter((_, at) => sizes[at] !== 0);
}
