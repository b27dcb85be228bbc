import { readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AddressCredentials } from './asked-credentials.js';
import type { GitCall, GitProcess } from './git-process.js';
import { removeLeftovers, watchGrowth } from './object-growth.js';
import { packManyRefs } from './packed-refs.js';

/** A place to fetch from, checked and bound to what was checked. */
export interface FetchSource {
  /** An absolute path or a URL without credentials. */
  address: string;
  protocols: readonly string[];
  settings: Readonly<Record<string, string>>;
  timeout_ms: number;
  /** What to fetch. Default: branches and tags. */
  refspecs?: readonly string[];
  /** What one fetch may add to the mirror. Default: any amount. */
  max_bytes?: number;
  /** For a host that asks for them. */
  credentials?: AddressCredentials;
}

/**
 * Branches of the source are the mirror's branches, forced and pruned; but `task/*` belongs to the executions,
 * which push it here and nowhere else: what the source has under that name is left out, so that no fetch can move
 * or prune a result. (`task` itself is left out because Git cannot have a branch beside branches below it.) One
 * set of names then serves clones, `base_ref`, `merge_refs` and the log alike, without a second namespace.
 */
export const REFSPECS: readonly string[] = [
  '+refs/heads/*:refs/heads/*',
  '^refs/heads/task/*',
  '^refs/heads/task',
  '+refs/tags/*:refs/tags/*',
];

/** A fetch that touches nothing but the references it names. */
export const FETCH_QUIETLY = [
  'fetch',
  '--quiet',
  '--no-tags',
  '--no-write-fetch-head',
  '--no-auto-maintenance',
  '--no-recurse-submodules',
  // A source that is itself shallow (a checkout of CI) is mirrored as far as it goes.
  '--update-shallow',
] as const;

/** Makes the mirror at `directory` with a first fetch; it is there whole or not at all. */
export async function createMirror(git: GitProcess, directory: string, source: FetchSource): Promise<void> {
  const draft = `${directory}.new`;
  await rm(draft, { recursive: true, force: true });
  try {
    // Without a template: no sample hooks, no description.
    await git.run({ args: ['init', '--quiet', '--bare', '--template=', '--initial-branch=main', '--', draft] });
    await fetchInto(git, draft, source);
    await rename(draft, directory);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

/** Brings branches and tags up to those of the source. Throws GitFailed, `too_large` for one that gives too much. */
export async function fetchInto(git: GitProcess, directory: string, source: FetchSource): Promise<void> {
  // Else a mirror that is cut off would stay so when its source is not any more.
  const deepened = (await isCutOff(directory)) ? ['--unshallow'] : [];
  const child = await git.start({
    ...transport(source),
    directory,
    args: [...FETCH_QUIETLY, ...deepened, '--prune', '--', source.address, ...(source.refspecs ?? REFSPECS)],
  });
  child.process.stdout.resume();
  const stop = (): void => child.stop('too_large');
  try {
    git.assertDone(await watchGrowth(directory, source.max_bytes ?? Infinity, stop, child.ended), 'fetch');
  } catch (error) {
    // It may still run when its growth could not be measured.
    child.stop('aborted');
    await child.ended;
    await removeLeftovers(directory);
    throw error;
  }
  await packManyRefs(git, directory);
}

/** Whether the history of a mirror is cut off, as its source is a shallow clone. */
export async function isCutOff(directory: string): Promise<boolean> {
  return ((await stat(join(directory, 'shallow')).catch(() => null))?.size ?? 0) > 0;
}

/** Makes clones of the mirror check out this branch. */
export async function pointHead(git: GitProcess, directory: string, branch: string): Promise<void> {
  const target = `refs/heads/${branch}`;
  if ((await readFile(join(directory, 'HEAD'), 'utf8')).trim() === `ref: ${target}`) return;
  await git.run({ directory, args: ['symbolic-ref', 'HEAD', target] });
}

/** What a call that speaks with a source is made with. */
export const transport = ({
  protocols,
  settings,
  timeout_ms,
  credentials,
}: FetchSource): Pick<GitCall, 'protocols' | 'settings' | 'timeout_ms' | 'credentials'> => ({
  protocols,
  settings: { ...settings, 'fetch.writeCommitGraph': 'true' },
  timeout_ms,
  ...(credentials && { credentials }),
});
