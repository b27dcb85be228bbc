import { shown } from '../git/byte-path.js';
import { factsOf } from '../git/commit-facts.js';
import type { LinkedWorktree } from '../git/local-worktrees.service.js';
import { surroundedByOther } from '../git/surroundings.js';
import type { Changes, NamedFiles } from '../git/worktree-changes.js';
import type { WorktreeState } from '../git/worktree-states.service.js';
import { issueOfBranch } from './branch-issue.js';
import { decide, UNUSED_FOR_SECONDS, type WorktreeFacts } from './worktree.policy.js';
import type { CheckoutRow, LinkedRow } from './worktrees.store.js';

/** A linked work tree of a local repository, or a checkout that a worker told of. */
export interface Worktree extends WorktreeFacts {
  id: string;
  repository_id: string | null;
  worker_id: string | null;
  path: string;
  branch: string | null;
  head_sha: string | null;
  size_bytes: number | null;
  execution_id: string | null;
  agent_type: string | null;
  issue_number: number | null;
  /** Why it stays; null when nothing speaks for that. */
  kept_because: string | null;
  removal_requested_at: Date | null;
  created_at: Date;
  changed_at: Date;
}

/** What is known of an execution that works, or has worked, in a linked work tree. */
export interface KnownExecution {
  id: string;
  agent_type: string;
  running: boolean;
}

export interface FoundLinked {
  record: LinkedRow;
  linked: LinkedWorktree;
  state: WorktreeState;
  execution: KnownExecution | null;
  /** Where the registered repositories of the organization are. */
  repositories: readonly string[];
}

const MOST_NAMED = 20;
const EXECUTION = /^Execution:[ \t]*([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})[ \t]*$/gm;

/** Id of the execution that a commit message names in its trailers; of several the last. */
export const executionIn = (message: string | null): string | null =>
  [...(message ?? '').matchAll(EXECUTION)].at(-1)?.[1] ?? null;

export function ofCheckout(row: CheckoutRow, now: Date): Worktree {
  const running = row.execution_status === 'running';
  const would_lose = [
    ...(row.dirty === true ? ['changes that are in no commit'] : []),
    ...(row.unpushed === true && row.merged !== true ? ['commits that were not pushed'] : []),
    ...(row.dirty === null || row.unpushed === null ? ['what it holds, which nobody has looked at'] : []),
  ];
  return {
    kind: 'checkout',
    id: row.id,
    repository_id: row.repository_id,
    worker_id: row.worker_id,
    path: row.path,
    branch: row.branch,
    head_sha: row.head_sha,
    locked: null,
    problem: null,
    prunable: false,
    dirty: row.dirty,
    unpushed: row.unpushed,
    merged: row.merged,
    size_bytes: Number(row.size_bytes),
    execution_id: row.id,
    agent_type: row.agent_type,
    issue_number: row.issue_number ?? issueOfBranch(row.branch),
    kept_because: row.kept_because,
    running,
    registered: false,
    ...{ surrounds: null, occupied: null, hindered: null },
    abandoned: row.worker_id === null,
    would_lose,
    goes_along: [],
    removal_requested_at: row.removal_requested_at,
    created_at: row.created_at,
    changed_at: row.changed_at,
    unused_for_seconds: secondsBetween(row.changed_at, now),
  };
}

export function ofLinked({ record, linked, state, execution, repositories }: FoundLinked, now: Date): Worktree {
  const facts = state.message === null ? null : factsOf(state.message);
  const { changes } = state;
  const dirty = changes === null ? null : isDirty(changes);
  const changed_at = state.changed_at ?? linked.created_at;
  const holdsMore = (state.stranded ?? []).length > 0;
  const goes_along = ignoredIn(changes);
  const worktree: Worktree = {
    kind: 'linked',
    id: record.id,
    repository_id: record.repository_id,
    worker_id: null,
    path: shown(linked.path),
    branch: linked.branch,
    head_sha: linked.head_sha,
    locked: linked.locked,
    problem: state.problem,
    prunable: linked.prunable !== null,
    dirty,
    unpushed: state.unpushed === null ? null : state.unpushed > 0 || holdsMore,
    merged: state.merged && !holdsMore,
    size_bytes: state.size_bytes,
    execution_id: execution?.id ?? null,
    agent_type: execution?.agent_type ?? facts?.agent_type ?? null,
    issue_number: facts?.issue_number ?? issueOfBranch(linked.branch),
    kept_because: null,
    running: execution?.running ?? false,
    registered: linked.registered,
    occupied: state.occupied,
    hindered: linked.hindered,
    surrounds: linked.surrounds ?? surroundedByOther(linked.path, repositories),
    abandoned: false,
    would_lose: [...lossesOf(linked, state), ...goes_along],
    goes_along,
    removal_requested_at: null,
    created_at: record.created_at,
    changed_at,
    unused_for_seconds: state.changed_at === null ? null : secondsBetween(changed_at, now),
  };
  const { remove, because } = decide(worktree, UNUSED_FOR_SECONDS);
  return { ...worktree, kept_because: remove ? null : because };
}

function isDirty({ count, nested, unseen, modules, operation }: Changes): boolean | null {
  if (count > 0 || nested.length > 0 || modules.length > 0 || operation !== null) return true;
  return unseen === null ? false : null;
}

function lossesOf({ branch }: LinkedWorktree, { changes, unpushed, merged, stranded }: WorktreeState): string[] {
  const losses: string[] = [];
  if (changes !== null && changes.count > 0)
    losses.push(`${counted(changes.count, 'file')} in no commit: ${named(changes)}`);
  if (changes?.operation) losses.push(`${changes.operation} that is under way`);
  losses.push(...each(changes?.nested ?? [], (path) => `a repository of its own at ${path}`));
  if (changes?.unseen) losses.push(`repositories of their own that may be in it: ${changes.unseen}`);
  losses.push(
    ...each(changes?.modules ?? [], (name) => `the repository of the submodule ${name}, which git keeps apart`),
  );
  if ((unpushed ?? 0) > 0 && merged !== true) {
    const where = branch === null ? 'nowhere else' : `on no remote, though they stay on the branch ${branch} here`;
    losses.push(`${counted(unpushed ?? 0, 'commit')} that ${unpushed === 1 ? 'is' : 'are'} ${where}`);
  }
  for (const { by, count, shas } of stranded ?? [])
    losses.push(`${counted(count, 'commit')} that only ${by} leads to: ${shas.join(', ')}`);
  return losses;
}

/** What a build leaves is not asked about, and told all the same: among it may be what somebody wrote. */
function ignoredIn(changes: Changes | null): string[] {
  if (changes === null || changes.ignored.count === 0) return [];
  const { count } = changes.ignored;
  return [`${String(count)} ignored ${count === 1 ? 'file or folder' : 'files or folders'}: ${named(changes.ignored)}`];
}

/** A text for each of the first, and one for the others. */
function each(names: readonly string[], text: (name: string) => string): string[] {
  const more = names.length - MOST_NAMED;
  return [...names.slice(0, MOST_NAMED).map(text), ...(more > 0 ? [`${String(more)} more of such`] : [])];
}

const counted = (count: number, noun: string): string => `${String(count)} ${noun}${count === 1 ? '' : 's'}`;

function named({ files, count }: NamedFiles): string {
  const more = count - files.length;
  return more > 0 ? `${files.join(', ')} and ${String(more)} more` : files.join(', ');
}

const secondsBetween = (then: Date, now: Date): number => Math.max(0, (now.getTime() - then.getTime()) / 1000);
