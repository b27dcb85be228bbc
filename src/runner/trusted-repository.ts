import { appendFile, lstat, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isPlainObjectStore, readAgentRefs, type AgentRefs } from './agent-refs.js';
import { identityVariables, inodeOf, type Checkout, type Identity } from './checkout.js';
import type { ExecutionDirectory } from './execution-directory.js';
import { Fault } from './fault.js';
import { GitFailed, quoted, trustAgain, type Git, type GitCall } from './git.js';
import { credentials, type Remote } from './git-transport.js';
import { innerRepositories } from './inner-repositories.js';
import { largerThan } from './large-files.js';
import { otherWork } from './other-work.js';

/** What an agent left in its checkout, as commits. */
export interface Harvest {
  /** Newest commit: the agent's own ones and, on top, one of the runner with whatever was not committed. */
  readonly commitSha: string | null;
  /** Commits beyond the base. */
  readonly commits: number;
  readonly filesChanged: number;
  /** Work the commit does not cover, a sentence each: a reason to keep the checkout. */
  readonly uncovered: readonly string[];
}

/** How much git may take on with what an agent left. */
export interface HarvestLimits {
  /** Ends whatever git is doing. */
  readonly signal: AbortSignal;
  /** Milliseconds for each of `collect` and `settle`. */
  readonly timeMs: number;
  /** Size in bytes above which a file is left out: it may be sparse, and take hours to read. */
  readonly maxFileBytes: number;
  /** Paths that are nobody's work: left out without a word. */
  readonly leaveOut?: readonly string[];
}

/** How many large files are named one by one. */
const MOST_NAMED = 20;

/**
 * The runner's own git directory for a checkout that an agent has worked in. The checkout's `.git` may by then hold hooks,
 * filters, a file system monitor, aliases, a signing program: anything that makes git run commands. So no git ever starts
 * with that directory. Its refs are read as files, its objects as a store of data, the rest is not looked at.
 */
export class TrustedRepository {
  private until: number;

  private constructor(
    private readonly git: Git,
    private readonly directory: ExecutionDirectory,
    private readonly checkout: Checkout,
    private readonly cache: string | null,
    private readonly objects: string | null,
    private readonly limits: HarvestLimits,
  ) {
    this.until = performance.now() + limits.timeMs;
  }

  /** Made after the agent's processes have ended, so that none of them could reach it. */
  static async open(
    git: Git,
    directory: ExecutionDirectory,
    checkout: Checkout,
    cache: string | null,
    limits: HarvestLimits,
  ): Promise<TrustedRepository> {
    const path = directory.trustedGit;
    const { signal, timeMs } = limits;
    const status = await lstat(checkout.path).catch(() => null);
    // A link to somebody's home in place of the checkout must not be committed and pushed.
    if (!status?.isDirectory() || (await inodeOf(checkout.path)) !== checkout.inode)
      throw new Fault('worktree', 'The agent removed its checkout or put something else in its place.', {
        blame: 'task',
      });
    await rm(path, { recursive: true, force: true });
    await git.run(['init', '--quiet', '--bare', '--template=', '--', path], { signal, timeMs });
    await trustAgain(path);
    if (cache !== null) {
      await mkdir(join(path, 'objects', 'info'), { recursive: true });
      await writeFile(join(path, 'objects', 'info', 'alternates'), `${join(cache, 'objects')}\n`);
    }
    const own = join(checkout.path, '.git', 'objects');
    const isDirectory = (await lstat(join(checkout.path, '.git')).catch(() => null))?.isDirectory() ?? false;
    const objects = isDirectory && (await isPlainObjectStore(own)) ? own : null;
    return new TrustedRepository(git, directory, checkout, cache, objects, limits);
  }

  /** Commits everything that changed. Rejects with the signal's reason, and with GitFailed after the time limit. */
  async collect(message: string, identity: Identity, say: (text: string) => Promise<void>): Promise<Harvest> {
    this.startClock();
    const refs = await readAgentRefs(join(this.checkout.path, '.git'));
    const base = this.checkout.baseSha;
    const uncovered: string[] = [];
    let parent = base;
    if (refs.head !== null && refs.head !== base) {
      if (await this.isWhole(refs.head)) parent = refs.head;
      else {
        uncovered.push('the commits of the agent cannot be read as a whole');
        await say('The commits of the agent cannot be read; its files are committed on top of the base instead.');
      }
    }
    await this.run(parent === null ? ['read-tree', '--empty'] : ['read-tree', parent]);
    await this.skipNested();
    const large = await this.large();
    uncovered.push(...this.described(large));
    if (refs.isSparse)
      await say(
        'The agent left files out of its checkout (sparse-checkout); what is not there is not taken for deleted.',
      );
    const leaveOut = [...large, ...(this.limits.leaveOut ?? [])];
    await this.stage(leaveOut, refs.isSparse ? '--ignore-removal' : '--all').catch((error: unknown) => {
      // Only what git itself said no to; a git that was ended has not looked at everything.
      if (!(error instanceof GitFailed) || error.exitCode === null) throw error;
      uncovered.push(`some files could not be read: ${error.message}`);
    });
    uncovered.push(...(await this.inner()));
    const commitSha = await this.commitTree(parent, message, identity);
    uncovered.push(...(await this.otherWork(refs, commitSha)));
    return { commitSha, uncovered, ...(await this.measure(commitSha)) };
  }

  /** Hands the commit over as the execution's branch. */
  async push(remote: Remote, commitSha: string, branch: string, signal: AbortSignal): Promise<void> {
    await this.run(
      [
        'push',
        '--quiet',
        '--no-verify',
        '--recurse-submodules=no',
        '--',
        remote.url,
        `${commitSha}:refs/heads/${branch}`,
      ],
      {
        env: credentials(remote),
        protocols: 'http:https',
        signal,
        // A slow line is not an endless one: git itself gives up when nothing moves.
        timeMs: Number.POSITIVE_INFINITY,
      },
    );
  }

  /**
   * Makes this the git directory of a checkout that is kept: self-contained, and harmless for whoever runs git in there.
   * The agent's own one is put beside it.
   */
  async settle(branch: string, commitSha: string | null): Promise<void> {
    this.startClock();
    if (commitSha !== null) await this.run(['update-ref', `refs/heads/${branch}`, commitSha]);
    await this.run(['symbolic-ref', 'HEAD', `refs/heads/${branch}`]);
    if (commitSha !== null) await this.run(['repack', '--quiet', '-a', '-d']);
    const path = this.directory.trustedGit;
    await rm(join(path, 'objects', 'info', 'alternates'), { force: true });
    await appendFile(join(path, 'config'), '[core]\n\tbare = false\n');
    const inside = join(this.checkout.path, '.git');
    if ((await lstat(inside).catch(() => null)) !== null) await rename(inside, this.directory.agentGit);
    await rename(path, inside);
  }

  /** Removes the runner's git directory; the checkout is not touched. */
  async close(): Promise<void> {
    await rm(this.directory.trustedGit, { recursive: true, force: true });
  }

  /**
   * Keeps git out of repositories inside the checkout: to see whether a known one changed, it would start a git of its own
   * in there, which obeys the configuration in there.
   */
  private async skipNested(): Promise<void> {
    const paths = await this.nested();
    if (paths.length > 0)
      await this.run(['update-index', '--skip-worktree', '-z', '--stdin'], { input: paths.join('\0') });
  }

  /** Files that git would have to read but that are above the limit. What is ignored is not among them. */
  private async large(): Promise<string[]> {
    // Lists without looking into any file; `git status` would read them to see whether they changed.
    const listed = await this.run(['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
    const paths = listed.split('\0').filter((path) => path !== '');
    return largerThan(this.limits.maxFileBytes, this.checkout.path, paths, this.limits.signal);
  }

  private described(large: readonly string[]): string[] {
    const named = large
      .slice(0, MOST_NAMED)
      .map((path) => `${path} is larger than ${String(this.limits.maxFileBytes)} bytes`);
    const more = large.length - named.length;
    return more === 0 ? named : [...named, `${String(more)} more files are larger than that`];
  }

  private async stage(but: readonly string[], how: '--all' | '--ignore-removal'): Promise<void> {
    // On standard input there is no limit to their number; `literal` as a name may look like a pattern.
    const paths = ['.', ...but.map((path) => `:(exclude,literal)${path}`)].join('\0');
    await this.run(['add', how, '--ignore-errors', '--pathspec-from-file=-', '--pathspec-file-nul'], {
      input: paths,
    });
  }

  private async inner(): Promise<string[]> {
    return innerRepositories({
      checkout: this.checkout.path,
      linked: await this.nested(),
      committed: async () => (await this.run(['ls-files', '-z'])).split('\0'),
      signal: this.limits.signal,
    });
  }

  private async nested(): Promise<string[]> {
    const staged = await this.run(['ls-files', '--stage', '-z']);
    return staged
      .split('\0')
      .flatMap((line) => (line.startsWith('160000 ') ? [line.slice(line.indexOf('\t') + 1)] : []));
  }

  private async isWhole(tip: string): Promise<boolean> {
    if ((await this.ask(['rev-parse', '--verify', '--quiet', '--end-of-options', `${tip}^{commit}`])) === null)
      return false;
    const but = this.checkout.baseSha === null ? [] : [`^${this.checkout.baseSha}`];
    return (await this.ask(['rev-list', '--objects', '--quiet', tip, ...but])) !== null;
  }

  private async commitTree(parent: string | null, message: string, identity: Identity): Promise<string | null> {
    const tree = await this.run(['write-tree']);
    const before = parent === null ? await this.emptyTree() : await this.run(['rev-parse', `${parent}^{tree}`]);
    if (tree === before) return parent;
    const parents = parent === null ? [] : ['-p', parent];
    return this.run(['commit-tree', tree, ...parents], { input: message, env: identityVariables(identity) });
  }

  private async measure(commitSha: string | null): Promise<{ commits: number; filesChanged: number }> {
    const base = this.checkout.baseSha;
    if (commitSha === null || commitSha === base) return { commits: 0, filesChanged: 0 };
    const count = await this.run(['rev-list', '--count', commitSha, ...(base === null ? [] : [`^${base}`])]);
    const from = base ?? (await this.emptyTree());
    // Told what to do with submodules, git does not look into .gitmodules, where an agent may have written anything.
    const plain = ['-r', '-z', '--name-only', '--no-renames', '--ignore-submodules=none'];
    const names = await this.run(['diff-tree', ...plain, from, commitSha]);
    return { commits: Number(count), filesChanged: names.split('\0').filter((name) => name !== '').length };
  }

  /** Commits that neither the harvest nor the repository has, a sentence each. */
  private async otherWork(refs: AgentRefs, commitSha: string | null): Promise<string[]> {
    const known =
      this.cache === null
        ? ''
        : await this.git.run(['for-each-ref', '--format=^%(objectname)'], { ...this.bounds(), gitDir: this.cache });
    const covered = { commitSha, baseSha: this.checkout.baseSha, known, readable: this.objects !== null };
    return otherWork(refs, covered, (args, input) => this.ask(args, { input }));
  }

  private emptyTree(): Promise<string> {
    return this.run(['hash-object', '-t', 'tree', '--stdin'], { input: '' });
  }

  private run(args: readonly string[], call: GitCall = {}): Promise<string> {
    return this.git.run(args, this.call(call));
  }

  private ask(args: readonly string[], call: GitCall = {}): Promise<string | null> {
    return this.git.ask(args, this.call(call));
  }

  private startClock(): void {
    this.until = performance.now() + this.limits.timeMs;
  }

  private bounds(): { signal: AbortSignal; timeMs: number } {
    return { signal: this.limits.signal, timeMs: this.until - performance.now() };
  }

  private call(call: GitCall): GitCall {
    return {
      ...this.bounds(),
      ...call,
      cwd: this.checkout.path,
      gitDir: this.directory.trustedGit,
      env: {
        ...call.env,
        GIT_WORK_TREE: this.checkout.path,
        ...(this.objects === null ? {} : { GIT_ALTERNATE_OBJECT_DIRECTORIES: quoted(this.objects) }),
      },
    };
  }
}
