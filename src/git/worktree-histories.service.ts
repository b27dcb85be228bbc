import { Injectable } from '@nestjs/common';
import { CommitsService } from './commits.service.js';
import { GitFailed, RefNotFound } from './git.errors.js';
import { GitProcess } from './git-process.js';
import type { LinkedWorktree } from './local-worktrees.service.js';
import { namedInSharedLogs, readOwnNames, type Holder } from './own-names.js';
import type { SafeView } from './safe-views.js';

/** What the commits of a work tree are to its repository. */
export interface History {
  /** Commits of its HEAD that are nowhere else, at most a thousand of them. */
  unpushed: number;
  /** Whether those are in the default branch. */
  merged: boolean;
  /** Message of its newest commit, when that is one of its own; else null. */
  message: string | null;
  /** What else would be on nothing any more without it. */
  stranded: Stranded[];
}

/** Commits that only something of a work tree's own leads to. */
export interface Stranded {
  /** What leads to them, as `the log of its HEAD`. */
  by: string;
  count: number;
  /** The first of those that it names. */
  shas: string[];
}

/** A work tree with what leads to commits in it. */
interface Subject {
  head_sha: string | null;
  holders: readonly Holder[];
}

/** Commits with those that each follows. */
type Graph = ReadonlyMap<string, readonly string[]>;

const MOST_UNPUSHED = 1000;
/** Of more the work trees are looked at one by one, and of one what is beyond is not counted. */
const MOST_WALKED = 20_000;
const MOST_NAMED = 5;
const LARGEST_WALK = 32 * 1024 * 1024;
/** Everything that stays when a work tree goes: its own references are not among those of the view. */
const SHARED = ['--not', '--all'];

/** Finds out what would be lost of the commits of linked work trees: for all of them at once, as each git takes its time. */
@Injectable()
export class WorktreeHistories {
  constructor(
    private readonly git: GitProcess,
    private readonly commits: CommitsService,
  ) {}

  /** Of each, in their order. Throws GitFailed, whichever of them it is that cannot be read. */
  async read(
    view: SafeView,
    worktrees: readonly LinkedWorktree[],
    default_branch: string | null,
    signal: AbortSignal,
  ): Promise<History[]> {
    const { directory } = view;
    const base = await this.baseOf(view, default_branch, signal);
    const kept = await this.keptAnyway(view, signal);
    const subjects: Subject[] = [];
    for (const { head_sha, folder, problem } of worktrees)
      // Nothing is looked for where its folder is not as git makes it: such a one is not removed.
      subjects.push({ head_sha, holders: problem === null ? await readOwnNames(folder) : [] });
    await this.peel(directory, subjects, signal);
    const heads = new Set(subjects.flatMap(({ head_sha }) => head_sha ?? []));
    const names = new Set(subjects.flatMap(({ holders }) => holders.flatMap(({ ids }) => ids)));
    const away = await this.walk(directory, heads, ['--not', ...kept], signal);
    const unmerged = base === null ? null : await this.walk(directory, heads, ['--not', base], signal);
    // What a log names git may have thrown away; what is not there is not lost.
    const loose = await this.walk(directory, names, SHARED, signal, ['--single-worktree', '--ignore-missing']);
    const isWhole = [away, unmerged, loose].every((graph) => (graph?.size ?? 0) < MOST_WALKED);
    if (!isWhole && worktrees.length > 1) throw new GitFailed('too_large');
    const isMerged = (sha: string): boolean => unmerged !== null && !unmerged.has(sha);
    const messages = await this.messagesOf(
      directory,
      [...heads].filter((sha) => !isMerged(sha)),
      signal,
    );
    const logged = loose.size === 0 ? loose : await this.withoutLogged(view, loose, signal);
    return subjects.map(({ head_sha, holders }) => ({
      unpushed: head_sha === null ? 0 : Math.min(MOST_UNPUSHED, visit(away, [head_sha], new Set())),
      merged: head_sha !== null && isMerged(head_sha),
      message: messages.get(head_sha ?? '') ?? null,
      stranded: strandedIn(logged, head_sha, holders),
    }));
  }

  /** Tip of the default branch: the repository's own, or the one it has from where it was cloned. Null without. */
  async baseOf(view: SafeView, default_branch: string | null, signal?: AbortSignal): Promise<string | null> {
    if (default_branch === null) return null;
    for (const ref of [`refs/heads/${default_branch}`, `refs/remotes/origin/${default_branch}`]) {
      try {
        return await this.commits.resolve(view.directory, ref, signal);
      } catch (error) {
        if (!(error instanceof RefNotFound)) throw error;
      }
    }
    return null;
  }

  /** Arguments of rev-list for what a HEAD's commits may be on. */
  private async keptAnyway({ directory }: SafeView, signal: AbortSignal): Promise<readonly string[]> {
    const args = ['for-each-ref', '--count=1', '--format=x', 'refs/remotes/'];
    const tracks = (await this.git.run({ directory, args, signal })).length > 0;
    // Where nothing is tracked the repository itself is the place that commits are brought to.
    return tracks ? ['--remotes'] : ['--branches', '--tags'];
  }

  /** Has what may be a tag stand for its commit, and leaves out what has none. */
  private async peel(directory: string, subjects: readonly Subject[], signal: AbortSignal): Promise<void> {
    const holders = subjects.flatMap((subject) => subject.holders.filter(({ any }) => any));
    const ids = [...new Set(holders.flatMap((holder) => holder.ids))];
    if (ids.length === 0) return;
    const input = ids.map((id) => `${id}^{commit}\n`).join('');
    const args = ['cat-file', '--batch-check=%(objectname)'];
    const output = await this.git.run({ directory, args, input, signal });
    const lines = output.toString('latin1').split('\n');
    const commits = new Map(ids.map((id, at) => [id, /^[0-9a-f]{40}$/.test(lines[at] ?? '') ? lines[at] : undefined]));
    for (const holder of holders) holder.ids = holder.ids.flatMap((id) => commits.get(id) ?? []);
  }

  /** What some commits lead to, apart from what is left out, as far as it is looked for. */
  private async walk(
    directory: string,
    from: ReadonlySet<string>,
    apart: readonly string[],
    signal: AbortSignal,
    options: readonly string[] = [],
  ): Promise<Graph> {
    if (from.size === 0) return new Map();
    const most = `--max-count=${String(MOST_WALKED)}`;
    // Git obeys options from where it meets them.
    const args = ['rev-list', '--parents', most, ...options, '--stdin', ...apart, '--'];
    const input = [...from].map((sha) => `${sha}\n`).join('');
    const output = await this.git.run({ directory, args, input, max_bytes: LARGEST_WALK, signal });
    const lines = output.toString('latin1').split('\n').filter(Boolean);
    return new Map(lines.map((line) => [line.slice(0, 40), line.slice(41).split(' ').filter(Boolean)]));
  }

  /** The newest commit of a branch without own ones tells of somebody else's work. */
  private async messagesOf(
    directory: string,
    shas: readonly string[],
    signal: AbortSignal,
  ): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for await (const { sha, message } of this.commits.each(directory, shas, signal)) found.set(sha, message);
    return found;
  }

  /** The logs of branches stay with them. */
  private async withoutLogged({ place }: SafeView, loose: Graph, signal: AbortSignal): Promise<Graph> {
    const logged = await namedInSharedLogs(place.common, new Set(loose.keys()), signal);
    const kept = new Set<string>();
    visit(loose, logged, kept);
    return new Map([...loose].filter(([sha]) => !kept.has(sha)));
  }
}

/** Each commit is told by the first that leads to it; those of HEAD are counted as such. */
function strandedIn(loose: Graph, head_sha: string | null, holders: readonly Holder[]): Stranded[] {
  const seen = new Set<string>();
  visit(loose, [head_sha ?? ''], seen);
  return holders.flatMap(({ name, ids }) => {
    const shas = ids.filter((id) => loose.has(id) && !seen.has(id));
    const count = visit(loose, shas, seen);
    return count === 0 ? [] : [{ by: name, count, shas: shas.slice(-MOST_NAMED).reverse() }];
  });
}

/** Goes from some commits to what they lead to, and notes it; gives how many had not been seen before. */
function visit(graph: Graph, from: Iterable<string>, seen: Set<string>): number {
  const before = seen.size;
  const waiting = [...from];
  for (let sha = waiting.pop(); sha !== undefined; sha = waiting.pop()) {
    const parents = seen.has(sha) ? undefined : graph.get(sha);
    if (parents === undefined) continue;
    seen.add(sha);
    waiting.push(...parents);
  }
  return seen.size - before;
}
