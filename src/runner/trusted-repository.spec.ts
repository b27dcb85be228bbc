import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitTo, gitIn } from '../../test/bare-repository.js';
import { newId } from '../ids.js';
import { checkoutFrom, emptyCheckout, type Checkout } from './checkout.js';
import { ExecutionDirectory } from './execution-directory.js';
import { Git } from './git.js';
import { TrustedRepository, type Harvest, type HarvestLimits } from './trusted-repository.js';

const identity = { name: 'CodeGenAgent', email: 'codegen-agent@agents.miyabi.invalid' };
const git = new Git({ PATH: process.env['PATH'] ?? '' });
const quiet = new AbortController().signal;
const GIB = 1024 ** 3;
const LIMITS: HarvestLimits = { signal: quiet, timeMs: 60_000, maxFileBytes: GIB };

describe('TrustedRepository', () => {
  let root: string;
  let cache: string;
  let base: string;
  let directory: ExecutionDirectory;
  let checkout: Checkout;

  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'trusted "dir": ')));
    cache = join(root, 'cache.git');
    base = commitTo(cache, { 'README.md': 'hello\n', 'src/a.txt': 'a\n', '.gitignore': 'ignored/\n' });
    directory = ExecutionDirectory.of(root, newId());
    await directory.create();
    const plan = { path: directory.checkout, branch: 'task/x-a1', identity, signal: quiet };
    checkout = await checkoutFrom(git, { cache, baseRef: 'main', mergeRefs: [] }, plan);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const path = (...parts: string[]): string => join(checkout.path, ...parts);
  const inCheckout = (...args: string[]): string => gitIn(checkout.path, ...args);

  async function harvest(
    given: Partial<HarvestLimits> = {},
  ): Promise<{ harvest: Harvest; trusted: TrustedRepository }> {
    const trusted = await TrustedRepository.open(git, directory, checkout, cache, { ...LIMITS, ...given });
    return {
      trusted,
      harvest: await trusted.collect('Do it\n\nAgent-Type: codegen\n', identity, () => Promise.resolve()),
    };
  }
  const filesOf = (sha: string | null): string[] =>
    gitIn(root, `--git-dir=${directory.trustedGit}`, 'ls-tree', '-r', '--name-only', String(sha)).split('\n');

  it('finds nothing in an untouched checkout', async () => {
    const { harvest: found } = await harvest();
    expect(found).toEqual({ commitSha: base, commits: 0, filesChanged: 0, uncovered: [] });
  });

  it('commits new, changed and deleted files under the name of the agent, and leaves ignored ones out', async () => {
    await writeFile(path('README.md'), 'changed\n');
    await rm(path('src/a.txt'));
    await mkdir(path('ignored'));
    await writeFile(path('ignored/x'), '');
    await writeFile(path('-new "file"\n.txt'), 'new');
    const { harvest: found } = await harvest();
    expect(found).toMatchObject({ commits: 1, filesChanged: 3, uncovered: [] });
    expect(filesOf(found.commitSha)).toEqual(['"-new \\"file\\"\\n.txt"', '.gitignore', 'README.md']);
    const told = gitIn(
      root,
      `--git-dir=${directory.trustedGit}`,
      'log',
      '-1',
      '--format=%an <%ae>|%cn|%P|%B',
      String(found.commitSha),
    );
    expect(told).toBe(`${identity.name} <${identity.email}>|${identity.name}|${base}|Do it\n\nAgent-Type: codegen`);
  });

  it('keeps the commits of the agent and puts what it did not commit on top', async () => {
    await writeFile(path('one'), '1');
    inCheckout('add', '.');
    inCheckout('commit', '-qm', 'mine');
    const mine = inCheckout('rev-parse', 'HEAD');
    await writeFile(path('two'), '2');
    const { harvest: found } = await harvest();
    expect(found).toMatchObject({ commits: 2, filesChanged: 2, uncovered: [] });
    expect(gitIn(root, `--git-dir=${directory.trustedGit}`, 'rev-parse', `${String(found.commitSha)}^`)).toBe(mine);
  });

  it('takes packed refs and a detached HEAD', async () => {
    inCheckout('commit', '-qm', 'mine', '--allow-empty');
    inCheckout('pack-refs', '--all');
    inCheckout('gc', '-q');
    expect((await harvest()).harvest.commits).toBe(1);
    inCheckout('checkout', '-q', '--detach');
    inCheckout('commit', '-qm', 'detached', '--allow-empty');
    expect((await harvest()).harvest.commits).toBe(2);
  });

  it('tells of work on other branches and in the stash', async () => {
    inCheckout('checkout', '-qb', 'side');
    inCheckout('commit', '-qm', 'aside', '--allow-empty');
    inCheckout('checkout', '-q', 'task/x-a1');
    expect((await harvest()).harvest.uncovered).toHaveLength(1);
    inCheckout('branch', '-qm', 'side', 'elsewhere');
    expect((await harvest()).harvest.uncovered).toHaveLength(1);
    inCheckout('push', '-q', cache, 'elsewhere');
    expect((await harvest()).harvest.uncovered).toHaveLength(0);
    await writeFile(path('README.md'), 'stashed\n');
    inCheckout('stash', '-q');
    expect((await harvest()).harvest.uncovered).toHaveLength(1);
    inCheckout('push', '-q', cache, 'stash@{0}:refs/heads/stashed');
    expect((await harvest()).harvest.uncovered).toHaveLength(0);
    await writeFile(path('README.md'), 'stashed before\n');
    inCheckout('stash', '-q');
    await writeFile(path('README.md'), 'stashed last\n');
    inCheckout('stash', '-q');
    inCheckout('push', '-q', '-f', cache, 'stash@{0}:refs/heads/stashed');
    expect((await harvest()).harvest.uncovered).toHaveLength(1);
  });

  it('tells of work that only references of a kind of their own lead to', async () => {
    const names = [
      'refs/tags/mine',
      'refs/worktree/keep',
      'refs/notes/x',
      'refs/anything/else',
      'MERGE_HEAD',
      'MY_STASH',
    ];
    for (const name of names) {
      const sha = inCheckout('commit-tree', '-m', name, '-p', 'HEAD', 'HEAD^{tree}');
      inCheckout('update-ref', name, sha);
      expect((await harvest()).harvest.uncovered).toEqual(['other branches or the stash hold work of their own']);
      inCheckout('update-ref', '-d', name);
      expect((await harvest()).harvest.uncovered).toEqual([]);
    }
  });

  it('tells of repositories inside, also where no git looks', async () => {
    const inner = async (...parts: string[]): Promise<string> => {
      await mkdir(path(...parts), { recursive: true });
      return path(...parts);
    };
    gitIn(await inner('ignored/a/b'), 'init', '-q');
    gitIn(await inner('ignored/bare'), 'init', '-q', '--bare');
    gitIn(await inner('.git/modules/kept apart'), 'init', '-q', '--bare');
    inCheckout('worktree', 'add', '-q', '--detach', path('ignored/wt'));
    expect((await harvest()).harvest.uncovered).toEqual([
      'ignored/a/b is a repository of its own',
      'ignored/wt is a repository of its own',
      'ignored/bare is a repository of its own',
      '.git/modules/kept apart is the repository of a submodule',
    ]);
    for (const name of ['ignored', '.git/modules']) await rm(path(name), { recursive: true });
    // What is committed is not lost.
    gitIn(await inner('fixtures/bare.git'), 'init', '-q', '--bare');
    expect((await harvest()).harvest.uncovered).toEqual([]);
  });

  it('tells of commits that HEAD has left, though not of those that others took the place of', async () => {
    const commitFile = async (name: string): Promise<string> => {
      await writeFile(path(name), name);
      inCheckout('add', '.');
      inCheckout('commit', '-qm', name);
      return inCheckout('rev-parse', 'HEAD');
    };
    await commitFile('one');
    inCheckout('commit', '-q', '--amend', '-m', 'amended');
    await commitFile('two');
    await commitFile('three');
    // The same files again, as one commit.
    inCheckout('reset', '-q', '--soft', 'HEAD~2');
    inCheckout('commit', '-qm', 'two and three');
    const elsewhere = inCheckout('commit-tree', '-m', 'fetched', '-p', base, `${base}^{tree}`);
    inCheckout('update-ref', 'refs/remotes/origin/main', elsewhere);
    inCheckout('checkout', '-q', 'origin/main');
    inCheckout('checkout', '-q', 'task/x-a1');
    inCheckout('rebase', '-q', 'origin/main');
    expect((await harvest()).harvest).toMatchObject({ commits: 3, uncovered: [] });
    inCheckout('checkout', '-q', '--detach');
    const alone = await commitFile('four');
    inCheckout('checkout', '-q', 'task/x-a1');
    expect((await harvest()).harvest.uncovered).toEqual([
      `its HEAD was at commits that nothing leads to any more: ${alone}`,
    ]);
    inCheckout('reflog', 'expire', '--expire=now', '--all');
    expect((await harvest()).harvest.uncovered).toEqual([]);
  });

  it('does not take for deleted what the agent left out of its checkout', async () => {
    inCheckout('sparse-checkout', 'set', '--no-cone', '/src');
    await writeFile(path('src/a.txt'), 'changed\n');
    const { harvest: found } = await harvest();
    expect(found).toMatchObject({ commits: 1, filesChanged: 1, uncovered: [] });
    expect(filesOf(found.commitSha)).toEqual(['.gitignore', 'README.md', 'src/a.txt']);
  });

  it('commits the files when the agent destroyed its git directory', async () => {
    await rm(path('.git'), { recursive: true });
    await writeFile(path('new'), '1');
    expect((await harvest()).harvest).toMatchObject({ commits: 1, filesChanged: 1 });
  });

  it('commits the files when the commits of the agent are broken', async () => {
    await writeFile(path('new'), '1');
    inCheckout('add', '.');
    inCheckout('commit', '-qm', 'mine');
    const tree = inCheckout('rev-parse', 'HEAD^{tree}');
    await rm(path('.git/objects', tree.slice(0, 2), tree.slice(2)), { force: true });
    const { harvest: found } = await harvest();
    expect(found).toMatchObject({ commits: 1, filesChanged: 1 });
    expect(found.uncovered).not.toEqual([]);
  });

  it('refuses a checkout that became a link to another place', async () => {
    await rename(checkout.path, `${checkout.path}.moved`);
    await mkdir(join(root, 'home'));
    await writeFile(join(root, 'home', 'secret'), 's');
    await symlink(join(root, 'home'), checkout.path);
    await expect(harvest()).rejects.toMatchObject({ reason: 'worktree' });
    await rm(checkout.path);
    await rename(join(root, 'home'), checkout.path);
    await expect(harvest()).rejects.toMatchObject({ reason: 'worktree' });
  });

  it('commits links as links', async () => {
    await writeFile(join(root, 'secret'), 'top secret');
    await symlink(join(root, 'secret'), path('link'));
    const { harvest: found } = await harvest();
    expect(gitIn(root, `--git-dir=${directory.trustedGit}`, 'show', `${String(found.commitSha)}:link`)).toBe(
      join(root, 'secret'),
    );
  });

  it('does not read objects of other places for the agent', async () => {
    const other = join(root, 'other.git');
    const secret = commitTo(other, { secret: 'top secret' });
    await writeFile(path('.git/objects/info/alternates'), `${join(other, 'objects')}\n`);
    await writeFile(path('.git/HEAD'), `${secret}\n`);
    const { harvest: found } = await harvest();
    expect(found.commitSha).toBe(base);
    expect(found.uncovered).not.toEqual([]);
  });

  it('leaves a kept checkout whole and usable without the cache', async () => {
    await writeFile(path('new'), '1');
    const { harvest: found, trusted } = await harvest();
    await trusted.settle('task/x-a1', found.commitSha);
    await rm(cache, { recursive: true });
    expect(inCheckout('log', '--format=%s')).toBe('Do it\nInitial commit');
    expect(inCheckout('status', '--porcelain')).toBe('');
    inCheckout('fsck', '--full');
    expect(existsSync(directory.agentGit)).toBe(true);
  });

  it('commits in a checkout without a past', async () => {
    const other = ExecutionDirectory.of(root, newId());
    await other.create();
    const empty = await emptyCheckout(git, { path: other.checkout, branch: 'task/y', identity, signal: quiet });
    await writeFile(join(other.checkout, 'first'), '1');
    const trusted = await TrustedRepository.open(git, other, empty, null, LIMITS);
    const found = await trusted.collect('First\n', identity, () => Promise.resolve());
    expect(found).toMatchObject({ commits: 1, filesChanged: 1, uncovered: [] });
    await trusted.settle('task/y', found.commitSha);
    expect(gitIn(other.checkout, 'log', '--format=%s', 'task/y')).toBe('First');
  });

  it('leaves out files above the limit, names them, and commits the others', async () => {
    await writeFile(path('small'), '1');
    await writeFile(path('README.md'), 'changed\n');
    await truncate(path('README.md'), 400 * GIB);
    await writeFile(path(':(top) big*'), '');
    await truncate(path(':(top) big*'), 400 * GIB);
    await writeFile(path(':(top) bigger'), '1');
    await mkdir(path('ignored'));
    await writeFile(path('ignored/big'), '');
    await truncate(path('ignored/big'), 400 * GIB);
    const { harvest: found } = await harvest();
    expect(found).toMatchObject({ commits: 1, filesChanged: 2 });
    expect(filesOf(found.commitSha)).toContain(':(top) bigger');
    expect([...found.uncovered].sort()).toEqual([
      ':(top) big* is larger than 1073741824 bytes',
      'README.md is larger than 1073741824 bytes',
    ]);
  });

  it('ends git when asked to, and when it takes longer than allowed', async () => {
    await writeFile(path('big'), '');
    await truncate(path('big'), 400 * GIB);
    const stop = new AbortController();
    const stopped = harvest({ signal: stop.signal, maxFileBytes: 999 * GIB });
    setTimeout(() => stop.abort(new Error('enough')), 300);
    await expect(stopped).rejects.toThrow('enough');
    await expect(harvest({ timeMs: 3000, maxFileBytes: 999 * GIB })).rejects.toThrow(
      'git add failed: it took too long',
    );
  });
});
