import { GitFailed } from './git.errors.js';

/** One work tree as git lists it. */
export interface ListedWorktree {
  path: Buffer;
  head_sha: string | null;
  /** Without `refs/heads/`; null when it is detached. */
  branch: Buffer | null;
  /** Why it is locked, which may be an empty text; null when it is not. */
  locked: Buffer | null;
  /** Why git would forget it; null when it would not. */
  prunable: Buffer | null;
}

const NUL = 0;
const SPACE = 0x20;
const SHA = /^[0-9a-f]{40}$/;
const NO_SHA = '0'.repeat(40);
const HEADS = 'refs/heads/';

/** Reads what `git worktree list --porcelain -z` writes. A path or a reason may hold any byte but NUL. Throws GitFailed. */
export function readWorktreeList(output: Buffer): ListedWorktree[] {
  const listed: ListedWorktree[] = [];
  let current: ListedWorktree | null = null;
  for (let at = 0; at < output.length;) {
    const end = output.indexOf(NUL, at);
    if (end < 0) throw new GitFailed('damaged');
    const line = output.subarray(at, end);
    at = end + 1;
    // An empty line ends an entry.
    if (line.length === 0) current = null;
    else if (current === null) {
      const [key, path] = split(line);
      if (key !== 'worktree' || path.length === 0) throw new GitFailed('damaged');
      current = { path, head_sha: null, branch: null, locked: null, prunable: null };
      listed.push(current);
    } else take(current, line);
  }
  return listed;
}

/** Words of later versions of git are passed over. */
function take(worktree: ListedWorktree, line: Buffer): void {
  const [key, value] = split(line);
  if (key === 'HEAD') worktree.head_sha = shaIn(value);
  else if (key === 'branch') worktree.branch = branchIn(value);
  else if (key === 'locked') worktree.locked = value;
  else if (key === 'prunable') worktree.prunable = value;
}

function split(line: Buffer): [string, Buffer] {
  const space = line.indexOf(SPACE);
  if (space < 0) return [line.toString('latin1'), Buffer.alloc(0)];
  return [line.toString('latin1', 0, space), line.subarray(space + 1)];
}

/** A branch without commits has none. */
function shaIn(value: Buffer): string | null {
  const sha = value.toString('latin1');
  return SHA.test(sha) && sha !== NO_SHA ? sha : null;
}

const branchIn = (ref: Buffer): Buffer =>
  ref.toString('latin1', 0, HEADS.length) === HEADS ? ref.subarray(HEADS.length) : ref;
