import { createHash } from 'node:crypto';
import { copyFile, lstat, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readAgentRefs, treeOfLoose, type AgentRefs } from './agent-refs.js';
import { identityVariables, inodeOf, resolveRef, type Checkout, type Identity } from './checkout.js';
import type { ExecutionDirectory } from './execution-directory.js';
import { GitFailed, quoted, trustAgain, type Git, type GitCall } from './git.js';
import { copyIfThere, stateOf } from './file-state.js';
import { IgnoredFiles, NESTED } from './against-ignored.js';
import { copyChanged } from './safe-copies.js';
import type { Holdings } from './work-left.js';

/** More files are left out. */
const MOST_FILES = 10_000;
const AT_ONCE = 32;
const CALL_MS = 60_000;
/** Of what looks at each file: all that were not looked at yet are read, which must not begin anew for ever. */
const WALK_MS = 60 * 60_000;

/** What a checkout held when it was looked at. */
export interface Look {
  readonly holdings: Holdings;
  readonly branch: string | null;
  /** All that is in the checkout. */
  readonly tree: string;
  /** Differs from that of another look when anything in the checkout does. */
  readonly mark: string;
}

/** All that is in a checkout, as a commit on top of the one it started from. */
export interface Snapshot {
  readonly commitSha: string;
  /** File with the objects that the repository may not have; null when there are none. */
  readonly pack: string | null;
}

export interface LookPlan {
  readonly directory: ExecutionDirectory;
  readonly checkout: Checkout;
  /** Bare repository with the objects the checkout was made from; null for a task without one. */
  readonly cache: string | null;
  readonly defaultBranch: string | null;
  readonly identity: Identity;
  /** Larger files are not committed. */
  readonly maxFileBytes: number;
  /** Paths that are nobody's work. */
  readonly leaveOut: () => readonly string[];
  readonly signal: AbortSignal;
}

interface Changes {
  readonly paths: readonly string[];
  /** What the agent has taken out of its index and has git ignore: it is there, and not a part of the work. */
  readonly dropped: readonly string[];
  /** Whether there is more than could be looked at. */
  readonly isPart: boolean;
}

/**
 * Looks at a checkout while an agent works in it. Git runs with a directory, an index and objects of the runner's own, out
 * of the reach of agents that are kept apart: of the checkout's `.git` refs are read as files, and nothing is written there.
 * Git only tells the names of what has changed, as it would follow a link that is put in the way of a file at the right
 * moment; the files are copied by who does not, and git reads the copies.
 */
export class CheckoutLook {
  /** What the checkout held at the last look. */
  private tree: string | null = null;
  private isPrepared = false;

  private constructor(
    private readonly git: Git,
    private readonly plan: LookPlan,
    private readonly ignored: IgnoredFiles,
  ) {}

  /**
   * While the checkout is as the runner made it. Does as little as can be, as the agent waits for it. Rejects with the
   * reason of the signal, which is for this alone.
   */
  static async begin(git: Git, plan: LookPlan, signal: AbortSignal): Promise<CheckoutLook> {
    const { directory, checkout } = plan;
    const index = join(checkout.path, '.git', 'index');
    const first = await stateOf(index);
    const look = new CheckoutLook(git, plan, new IgnoredFiles(first));
    try {
      await rm(directory.sight, { recursive: true, force: true });
      await mkdir(join(look.place, 'objects'), { recursive: true, mode: 0o700 });
      await git.run(['init', '--quiet', '--bare', '--template=', '--', look.gitDir], { signal, timeMs: CALL_MS });
      // It says which files are as they were committed, so that none has to be read.
      if (first !== null) await copyFile(index, look.index);
      signal.throwIfAborted();
      return look;
    } catch (error) {
      await look.close();
      throw error;
    }
  }

  /** Null when nothing has changed since the look that had this mark. Rejects with GitFailed, and the signal's reason. */
  async look(before: string | null): Promise<Look | null> {
    const { checkout } = this.plan;
    const status = await lstat(checkout.path);
    if (!status.isDirectory() || (await inodeOf(checkout.path)) !== checkout.inode)
      throw new Error('something else is in the place of the checkout');
    const refs = await readAgentRefs(join(checkout.path, '.git'));
    await rm(this.place, { recursive: true, force: true });
    await mkdir(join(this.place, 'objects'), { recursive: true, mode: 0o700 });
    await this.prepare();
    const changes = await this.changes();
    const mark = await this.markOf(refs, changes);
    if (mark === before) return null;
    const { tree, ...staged } = await this.stage(changes);
    this.tree = tree;
    return { holdings: await this.holdings(refs, staged.changes, tree), branch: refs.branch, tree, mark };
  }

  /** What the last look has found, as a commit and a pack. Null when there is no repository to compare it with. */
  async snapshot(): Promise<Snapshot | null> {
    const { checkout, identity, cache } = this.plan;
    const { tree } = this;
    if (tree === null || cache === null) return null;
    const base = checkout.baseSha;
    if (base !== null && (await this.run(['rev-parse', `${base}^{tree}`])) === tree)
      return { commitSha: base, pack: null };
    const parents = base === null ? [] : ['-p', base];
    const commitSha = await this.run(['commit-tree', tree, ...parents], {
      input: 'Work in progress\n',
      env: identityVariables(identity),
    });
    const input = `${commitSha}\n${base === null ? '' : `^${base}\n`}`;
    const name = await this.run(['pack-objects', '--quiet', '--revs', join(this.place, 'out')], { input });
    return { commitSha, pack: join(this.place, `out-${name}.pack`) };
  }

  /** Removes what the last look has left. */
  async rest(): Promise<void> {
    this.tree = null;
    await rm(this.place, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await rm(this.plan.directory.sight, { recursive: true, force: true });
  }

  private get gitDir(): string {
    return join(this.plan.directory.sight, 'git');
  }
  private get index(): string {
    return join(this.gitDir, 'index');
  }
  /** What belongs to one look. */
  private get place(): string {
    return join(this.plan.directory.sight, 'look');
  }

  /** Puts what is the runner's back to how it has to be, whatever a git that was ended, or somebody else, has left. */
  private async prepare(): Promise<void> {
    const { checkout, cache } = this.plan;
    await trustAgain(this.gitDir);
    await rm(`${this.index}.lock`, { force: true });
    // Where the history of the repository is cut off: commits behind that are not there.
    if (cache !== null) await copyIfThere(join(cache, 'shallow'), join(this.gitDir, 'shallow'));
    if (this.isPrepared) return;
    // What was merged before the agent began may be in the checkout alone. Of files that are the same in both it is kept
    // that they need not be read.
    const { baseSha } = checkout;
    await this.run(baseSha === null ? ['read-tree', '--empty'] : ['read-tree', '-m', baseSha]);
    await this.skipNested();
    this.isPrepared = true;
  }

  private async changes(): Promise<Changes> {
    const inside = { cwd: this.plan.checkout.path, timeMs: WALK_MS };
    // So that a file is read once, and not with each look; it says no when there are changes.
    await this.ask(['update-index', '-q', '--refresh'], inside);
    const listed = await this.run(['ls-files', '-z', '--modified', '--others', '--exclude-standard'], inside);
    const found = listed.split('\0').filter((name) => name !== '');
    const { added, dropped } = await this.ignored.find(
      { checkout: this.plan.checkout.path, ours: this.index, copy: join(this.place, 'agent-index'), changed: found },
      (args, env) => this.ask(args, { ...inside, env }),
    );
    const names = [...new Set([...found, ...added])];
    const leaveOut = new Set([...this.plan.leaveOut(), ...dropped]);
    // Repositories inside are not entered, and names that are no text not told.
    const plain = names.filter((name) => !name.endsWith('/') && !name.includes('\uFFFD') && !leaveOut.has(name));
    const isOther = names.some((name) => name.endsWith('/') || name.includes('\uFFFD'));
    return { paths: plain.slice(0, MOST_FILES), dropped, isPart: isOther || plain.length > MOST_FILES };
  }

  private async markOf({ head, branch, tips, unread }: AgentRefs, { paths, dropped }: Changes): Promise<string> {
    const hash = createHash('sha256').update(JSON.stringify([head, branch, tips, unread, dropped]));
    for (let at = 0; at < paths.length; at += AT_ONCE) {
      const some = paths.slice(at, at + AT_ONCE);
      const states = await Promise.all(some.map((path) => stateOf(join(this.plan.checkout.path, path))));
      hash.update(JSON.stringify([some, states]));
    }
    return hash.digest('hex');
  }

  /** The whole checkout as a tree, from copies of what has changed. */
  private async stage(changes: Changes): Promise<{ tree: string; changes: Changes }> {
    const { checkout, maxFileBytes, signal } = this.plan;
    const files = join(this.place, 'files');
    const env = { GIT_WORK_TREE: files, GIT_INDEX_FILE: join(this.place, 'index') };
    await mkdir(files);
    await copyFile(this.index, env.GIT_INDEX_FILE);
    const limits = { maxFileBytes, signal };
    const { taken, gone, isPart } = await copyChanged(checkout.path, changes.paths, files, limits);
    const update = (paths: readonly string[], ...how: string[]): Promise<string> =>
      this.run(['update-index', ...how, '-z', '--stdin'], { input: paths.join('\0'), cwd: files, env });
    // First, as a link or a directory may be in their place.
    const leaving = [...gone, ...changes.dropped];
    if (leaving.length > 0) await update(leaving, '--force-remove');
    if (taken.length > 0) await update(taken, '--add', '--replace');
    const tree = await this.run(['write-tree'], { env });
    return { tree, changes: { ...changes, isPart: changes.isPart || isPart } };
  }

  private async holdings(refs: AgentRefs, changes: Changes, tree: string): Promise<Holdings> {
    const { head } = refs;
    const unknown = await this.unknown([...(head === null ? [] : [head]), ...refs.tips, ...refs.visited]);
    const isKnown = head !== null && !unknown.has(head);
    return {
      head_sha: head,
      dirty: await this.isDirty(head, isKnown, tree, changes),
      // What cannot be read is neither safe nor work.
      unpushed: unknown.size === 0 && refs.unread !== null ? null : unknown.size > 0,
      merged: head !== null && isKnown ? await this.isMerged(head) : head === null ? null : false,
    };
  }

  private async isDirty(
    head: string | null,
    isKnown: boolean,
    tree: string,
    changes: Changes,
  ): Promise<boolean | null> {
    const { paths, dropped, isPart } = changes;
    if (head === null || head === this.plan.checkout.baseSha) return paths.length + dropped.length > 0 || isPart;
    const committed = isKnown
      ? await this.run(['rev-parse', '--verify', '--end-of-options', `${head}^{tree}`])
      : await treeOfLoose(join(this.plan.checkout.path, '.git'), head);
    // What is left out of the look may be committed, or not.
    if (committed === null || isPart) return null;
    return committed !== tree;
  }

  /** Which of these commits the repository has not had, when the checkout was made. */
  private async unknown(commits: readonly string[]): Promise<Set<string>> {
    const one = [...new Set(commits)];
    if (one.length === 0) return new Set();
    const told = await this.run(['cat-file', '--batch-check=%(objectname)'], { input: `${one.join('\n')}\n` });
    const lines = told.split('\n');
    return new Set(one.filter((_, at) => lines[at]?.endsWith(' missing') !== false));
  }

  private async isMerged(head: string): Promise<boolean | null> {
    const { cache, defaultBranch } = this.plan;
    const tip = cache && defaultBranch && (await resolveRef(this.git, cache, defaultBranch));
    if (tip === null || tip === '') return null;
    return (await this.ask(['merge-base', '--is-ancestor', head, tip])) !== null;
  }

  /** Keeps git out of repositories inside the checkout. */
  private async skipNested(): Promise<void> {
    const staged = await this.run(['ls-files', '--stage', '-z']);
    const paths = staged.split('\0').filter((line) => line.startsWith(NESTED));
    if (paths.length === 0) return;
    const input = paths.map((line) => line.slice(line.indexOf('\t') + 1)).join('\0');
    await this.run(['update-index', '--skip-worktree', '-z', '--stdin'], { input });
  }

  private run(args: readonly string[], call: GitCall = {}): Promise<string> {
    return this.git.run(args, this.call(call));
  }

  private async ask(args: readonly string[], call: GitCall = {}): Promise<string | null> {
    try {
      return await this.run(args, call);
    } catch (error) {
      if (error instanceof GitFailed && error.exitCode !== null) return null;
      throw error;
    }
  }

  private call(call: GitCall): GitCall {
    const { cache, checkout, signal } = this.plan;
    const env = {
      GIT_WORK_TREE: checkout.path,
      GIT_OBJECT_DIRECTORY: join(this.place, 'objects'),
      ...(cache === null ? {} : { GIT_ALTERNATE_OBJECT_DIRECTORIES: quoted(join(cache, 'objects')) }),
      ...call.env,
    };
    return { signal, timeMs: CALL_MS, gitDir: this.gitDir, cwd: this.plan.directory.sight, ...call, env };
  }
}
