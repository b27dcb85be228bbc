import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from './fault.js';
import { GitFailed, type Git, type GitCall } from './git.js';

/** Who commits: the agent, under an address that cannot belong to anybody. */
export interface Identity {
  readonly name: string;
  readonly email: string;
}

export interface CheckoutPlan {
  readonly path: string;
  /** Name of the branch, without `refs/heads/`. */
  readonly branch: string;
  readonly identity: Identity;
  readonly signal: AbortSignal;
}

export interface CheckoutSource {
  readonly cache: string;
  readonly baseRef: string;
  /** Branches merged on top of the base, in this order. */
  readonly mergeRefs: readonly string[];
}

/** A working directory of its own for one execution. */
export interface Checkout {
  readonly path: string;
  /** Commit it started from; null when there was none. */
  readonly baseSha: string | null;
  /** Tells the directory from another one put in its place. */
  readonly inode: string;
}

export const identityVariables = ({ name, email }: Identity): Record<string, string> => ({
  GIT_AUTHOR_NAME: name,
  GIT_AUTHOR_EMAIL: email,
  GIT_COMMITTER_NAME: name,
  GIT_COMMITTER_EMAIL: email,
});

/** The device and inode of a directory that is no symbolic link. */
export async function inodeOf(path: string): Promise<string> {
  const { dev, ino } = await stat(path);
  return `${String(dev)}:${String(ino)}`;
}

/**
 * Clones the cache. Objects are copied, not hard-linked and not borrowed: an agent may write to or delete every file of
 * its checkout, and neither the cache nor a neighbour may notice. Copying files is also faster than packing anew.
 */
export async function checkoutFrom(git: Git, source: CheckoutSource, plan: CheckoutPlan): Promise<Checkout> {
  await checkBranchName(git, plan.branch);
  const baseSha = await resolveRef(git, source.cache, source.baseRef);
  if (baseSha === null) {
    if (await hasCommits(git, source.cache))
      throw new Fault('git', `The base ${JSON.stringify(source.baseRef)} is not in the repository.`, {
        retryable: false,
        blame: 'task',
      });
    return emptyCheckout(git, plan);
  }
  const { path, signal } = plan;
  await git.run(['clone', '--quiet', '--no-hardlinks', '--no-checkout', '--template=', '--', source.cache, path], {
    protocols: 'file',
    signal,
  });
  const inside = insideOf(path, signal);
  // The remote-tracking branches stay, to compare with; the address of the cache is nobody's business.
  await git.run(['config', '--remove-section', 'remote.origin'], inside);
  await configure(git, plan, inside);
  await git.run(['update-ref', `refs/heads/${plan.branch}`, baseSha], inside);
  await git.run(['symbolic-ref', 'HEAD', `refs/heads/${plan.branch}`], inside);
  await git.run(['reset', '--quiet', '--hard'], inside);
  for (const ref of source.mergeRefs) await merge(git, source.cache, ref, plan, inside);
  return { path, baseSha, inode: await inodeOf(path) };
}

/** A checkout without a past: for tasks without a repository, and for repositories without a commit. */
export async function emptyCheckout(git: Git, plan: CheckoutPlan): Promise<Checkout> {
  await checkBranchName(git, plan.branch);
  await mkdir(plan.path, { recursive: true, mode: 0o700 });
  await git.run(['init', '--quiet', '--template=', `--initial-branch=${plan.branch}`, '--', plan.path]);
  await configure(git, plan, insideOf(plan.path, plan.signal));
  return { path: plan.path, baseSha: null, inode: await inodeOf(plan.path) };
}

/** The commit a name of the server stands for: a branch first, so that a tag of the same name cannot take its place. */
export async function resolveRef(git: Git, gitDir: string, ref: string): Promise<string | null> {
  for (const name of [`refs/heads/${ref}`, ref]) {
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`];
    const sha = await git.ask(args, { gitDir });
    if (sha !== null && /^[0-9a-f]{40,64}$/.test(sha)) return sha;
  }
  return null;
}

const hasCommits = async (git: Git, gitDir: string): Promise<boolean> =>
  (await git.run(['for-each-ref', '--count=1', 'refs/heads'], { gitDir })) !== '';

/** Only for the time before the agent starts: the configuration in there is still ours. */
const insideOf = (path: string, signal: AbortSignal): GitCall => ({
  cwd: path,
  gitDir: join(path, '.git'),
  env: { GIT_WORK_TREE: path },
  signal,
});

async function checkBranchName(git: Git, branch: string): Promise<void> {
  if ((await git.ask(['check-ref-format', `refs/heads/${branch}`])) === null || branch.startsWith('-'))
    throw new Fault('git', `${JSON.stringify(branch)} is no name for a branch.`, { retryable: false, blame: 'task' });
}

async function configure(git: Git, { identity }: CheckoutPlan, inside: GitCall): Promise<void> {
  await git.run(['config', 'user.name', identity.name], inside);
  await git.run(['config', 'user.email', identity.email], inside);
}

async function merge(git: Git, cache: string, ref: string, plan: CheckoutPlan, inside: GitCall): Promise<void> {
  const sha = await resolveRef(git, cache, ref);
  if (sha === null)
    throw new Fault('git', `${JSON.stringify(ref)}, which is to be merged, is not in the repository.`, {
      blame: 'task',
    });
  try {
    await git.run(['merge', '--quiet', '--no-edit', '--no-verify', '-m', `Merge ${ref}`, sha], {
      ...inside,
      env: { ...inside.env, ...identityVariables(plan.identity) },
    });
  } catch (error) {
    if (!(error instanceof GitFailed)) throw error;
    // Apart by NUL: git would quote a name that is not plain.
    const listed = await git.run(['diff', '--name-only', '--diff-filter=U', '-z'], inside);
    const files = listed.split('\0').filter((name) => name !== '');
    if (files.length === 0) throw error;
    throw new Fault('merge_conflict', `Merging ${ref} conflicts in ${files.join(', ')}.`, { cause: error });
  }
}
