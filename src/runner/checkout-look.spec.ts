import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitTo, gitIn } from '../../test/bare-repository.js';
import { newId } from '../ids.js';
import { checkoutFrom, emptyCheckout, type Checkout } from './checkout.js';
import { CheckoutLook, type Look } from './checkout-look.js';
import { ExecutionDirectory } from './execution-directory.js';
import { Git } from './git.js';

const identity = { name: 'CodeGenAgent', email: 'codegen-agent@agents.miyabi.invalid' };
const git = new Git({ PATH: process.env['PATH'] ?? '' });
const { signal } = new AbortController();

describe('CheckoutLook', () => {
  let root: string;
  let cache: string;
  let base: string;
  let directory: ExecutionDirectory;
  let checkout: Checkout;

  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'look "dir": ')));
    cache = join(root, 'cache.git');
    const files = { 'README.md': 'hello\n', 'src/a.txt': 'a\n', 'src/b.txt': 'b\n', '.gitignore': 'ignored/\n' };
    base = commitTo(cache, files);
    directory = ExecutionDirectory.of(root, newId());
    await directory.create();
    checkout = await checkoutFrom(git, { cache, baseRef: 'main', mergeRefs: [] }, plan());
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const plan = () => ({ path: directory.checkout, branch: 'task/x-a1', identity, signal });
  const path = (...parts: string[]): string => join(checkout.path, ...parts);
  const inCheckout = (...args: string[]): string => gitIn(checkout.path, ...args);
  const begin = (leaveOut: string[] = [], of: string | null = cache): Promise<CheckoutLook> =>
    CheckoutLook.begin(
      git,
      {
        ...{ directory, checkout, cache: of, defaultBranch: 'main', identity, signal, maxFileBytes: 1024 ** 3 },
        leaveOut: () => leaveOut,
      },
      signal,
    );
  const look = async (one: CheckoutLook): Promise<Look> => {
    const found = await one.look(null);
    if (found === null) throw new Error('nothing was looked at');
    return found;
  };
  /** What a snapshot has changed, by what comes out of its pack in a repository that has nothing but the base. */
  async function changedIn(one: CheckoutLook): Promise<{ files: string[]; read: (file: string) => string }> {
    const snapshot = await one.snapshot();
    if (snapshot === null) throw new Error('there is no snapshot');
    const server = join(root, newId());
    gitIn(root, 'clone', '-q', '--bare', cache, server);
    if (snapshot.pack !== null)
      execFileSync('git', [`--git-dir=${server}`, 'index-pack', '--stdin', '--strict'], {
        input: readFileSync(snapshot.pack),
        stdio: ['pipe', 'ignore', 'pipe'],
      });
    const names = gitIn(server, 'diff-tree', '-r', '-z', '--name-only', base, snapshot.commitSha);
    return {
      files: names.split('\0').filter((name) => name !== ''),
      read: (file) => gitIn(server, 'show', `${snapshot.commitSha}:${file}`),
    };
  }
  /** Every file below a directory, with its content and when it was written. */
  const printOf = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => `${file} ${String(statSync(file).mtimeMs)} ${hash(file)}`)
      .sort();
  const hash = (file: string): string => createHash('sha1').update(readFileSync(file)).digest('hex');

  it('finds an untouched checkout clean, pushed and merged, and needs no objects for it', async () => {
    const one = await begin();
    expect((await look(one)).holdings).toEqual({ head_sha: base, dirty: false, unpushed: false, merged: true });
    expect(await one.snapshot()).toEqual({ commitSha: base, pack: null });
  });

  it('sees what is committed, staged, changed, new, deleted and renamed, and nothing of it in the checkout changes', async () => {
    const one = await begin();
    await writeFile(path('committed'), '1');
    inCheckout('add', '.');
    inCheckout('commit', '-qm', 'mine');
    await writeFile(path('staged'), '2');
    inCheckout('add', '.');
    await writeFile(path('src/a.txt'), 'changed\n');
    await rm(path('README.md'));
    await rename(path('src/b.txt'), path('src/c.txt'));
    await mkdir(path('ignored'));
    await writeFile(path('ignored/x'), '');
    await writeFile(path('-new "file"\n雅'), 'new', { mode: 0o755 });
    await symlink('/etc/passwd', path('link'));
    // Our own look at the status writes the index.
    const status = inCheckout('status', '--porcelain', '-z');
    const before = printOf(checkout.path);
    const head_sha = inCheckout('rev-parse', 'HEAD');
    expect((await look(one)).holdings).toEqual({ head_sha, dirty: true, unpushed: true, merged: false });
    const { files, read } = await changedIn(one);
    expect(files).toEqual([
      ...['-new "file"\n雅', 'README.md', 'committed', 'link', 'src/a.txt', 'src/b.txt', 'src/c.txt', 'staged'],
    ]);
    expect([read('committed'), read('src/a.txt'), read('link')]).toEqual(['1', 'changed', '/etc/passwd']);
    expect(printOf(checkout.path)).toEqual(before);
    expect(inCheckout('status', '--porcelain', '-z')).toBe(status);
    await one.close();
    expect(existsSync(directory.sight)).toBe(false);
  });

  it('tells what is committed from what is not, and notices when nothing has changed', async () => {
    const one = await begin();
    await writeFile(path('x'), '1');
    const first = await look(one);
    expect(first.holdings).toMatchObject({ head_sha: base, dirty: true, unpushed: false, merged: true });
    expect(await one.look(first.mark)).toBeNull();
    inCheckout('add', '.');
    inCheckout('commit', '-qm', 'mine');
    const second = await one.look(first.mark);
    expect(second?.holdings).toMatchObject({ dirty: false, unpushed: true, merged: false });
    await writeFile(path('x'), '2');
    expect((await one.look(second?.mark ?? null))?.holdings).toMatchObject({ dirty: true });
  });

  it('looks at work on another branch and in the stash as unpushed', async () => {
    const one = await begin();
    await writeFile(path('README.md'), 'stashed\n');
    inCheckout('stash');
    expect((await look(one)).holdings).toEqual({ head_sha: base, dirty: false, unpushed: true, merged: true });
  });

  it('names what is too large to be read, and leaves out what is not to be handed over', async () => {
    const one = await begin(['.env']);
    await writeFile(path('.env'), 'secret');
    await writeFile(path('large'), '');
    await truncate(path('large'), 20 * 1024 * 1024);
    expect((await look(one)).holdings).toMatchObject({ dirty: true, unpushed: false });
    const { files, read } = await changedIn(one);
    expect(files).toEqual(['large']);
    expect(read('large')).toMatch(/^A file of 20971520 bytes, last changed at /);
    inCheckout('add', '--all');
    inCheckout('commit', '-qm', 'mine');
    // Whether it is as it was committed would take reading it.
    expect((await look(one)).holdings).toMatchObject({ dirty: null, unpushed: true });
  });

  it('works for a repository without commits and for none at all', async () => {
    for (const bare of [join(root, 'empty.git'), null]) {
      await rm(directory.path, { recursive: true });
      await directory.create();
      if (bare !== null) gitIn(root, 'init', '-q', '--bare', bare);
      checkout = await emptyCheckout(git, plan());
      const one = await begin([], bare);
      expect((await look(one)).holdings).toEqual({ head_sha: null, dirty: false, unpushed: false, merged: null });
      await writeFile(path('x'), '1');
      expect((await look(one)).holdings).toMatchObject({ dirty: true });
      inCheckout('add', '.');
      inCheckout('commit', '-qm', 'mine');
      expect((await look(one)).holdings).toMatchObject({ dirty: false, unpushed: true, merged: false });
      expect((await one.snapshot()) === null).toBe(bare === null);
    }
  });

  it('takes what was merged before the agent began for a part of the whole', async () => {
    commitTo(cache, { other: 'x\n' }, 'other');
    commitTo(cache, { 'src/a.txt': 'a\nmain\n' });
    base = gitIn(cache, 'rev-parse', 'main');
    await rm(directory.checkout, { recursive: true });
    checkout = await checkoutFrom(git, { cache, baseRef: 'main', mergeRefs: ['other'] }, plan());
    const one = await begin();
    expect((await look(one)).holdings).toMatchObject({ dirty: false, unpushed: true, merged: false });
    expect((await changedIn(one)).files).toEqual(['other']);
  });

  it('runs nothing that an agent has set up, and reads nothing but its checkout', async () => {
    const one = await begin();
    const canary = join(root, 'canary');
    const run = `touch '${canary}'`;
    for (const [key, value] of [
      ['core.fsmonitor', run],
      ['filter.x.clean', `${run}; cat`],
      ['filter.x.process', run],
      ['diff.external', run],
      ['core.hooksPath', path('hooks')],
    ] as const)
      inCheckout('config', key, value);
    await writeFile(path('.gitattributes'), '* filter=x\n');
    await mkdir(path('hooks'));
    for (const name of ['post-index-change', 'pre-commit']) await writeFile(path('hooks', name), run, { mode: 0o755 });
    await rm(path('src'), { recursive: true });
    const elsewhere = join(root, 'elsewhere');
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, 'a.txt'), 'a secret of the worker');
    await symlink(elsewhere, path('src'));
    execFileSync('mkfifo', [path('pipe')]);
    gitIn(checkout.path, 'init', '-q', 'nested');
    await writeFile(path('nested/x'), '1');
    await look(one);
    const { files, read } = await changedIn(one);
    expect(files).toEqual([
      '.gitattributes',
      'hooks/post-index-change',
      'hooks/pre-commit',
      'src',
      'src/a.txt',
      'src/b.txt',
    ]);
    expect(read('src')).toBe(elsewhere);
    expect(existsSync(canary)).toBe(false);
  });

  it('takes what was added for a part of the work though it is ignored, and what was taken out for none', async () => {
    const one = await begin();
    await mkdir(path('ignored'));
    await writeFile(path('ignored/kept'), 'kept\n');
    await writeFile(path('ignored/not'), 'not\n');
    inCheckout('add', '-f', 'ignored/kept');
    // What is staged is in no commit yet.
    expect((await look(one)).holdings).toMatchObject({ head_sha: base, dirty: true });
    expect((await changedIn(one)).files).toEqual(['ignored/kept']);
    await writeFile(path('.gitignore'), 'ignored/\nsrc/a.txt\n');
    inCheckout('rm', '-q', '--cached', 'src/a.txt');
    inCheckout('commit', '-qam', 'mine');
    const head_sha = inCheckout('rev-parse', 'HEAD');
    expect(inCheckout('status', '--porcelain')).toBe('');
    expect((await look(one)).holdings).toEqual({ head_sha, dirty: false, unpushed: true, merged: false });
    expect((await changedIn(one)).files).toEqual(['.gitignore', 'ignored/kept', 'src/a.txt']);
    await writeFile(path('ignored/kept'), 'changed\n');
    expect((await look(one)).holdings).toMatchObject({ dirty: true });
    // Without anything new in the index.
    await writeFile(path('.gitignore'), '');
    await look(one);
    expect((await changedIn(one)).files).toEqual(['.gitignore', 'ignored/kept', 'ignored/not']);
  });

  it('takes nothing from an index that is none, or cannot be read by itself', async () => {
    const one = await begin();
    inCheckout('update-index', '--split-index');
    expect((await look(one)).holdings).toMatchObject({ dirty: false, unpushed: false });
    await writeFile(path('.git/index'), 'no index');
    expect((await look(one)).holdings).toMatchObject({ dirty: false, unpushed: false });
    await rm(path('.git/index'));
    await symlink('/etc/passwd', path('.git/index'));
    expect((await look(one)).holdings).toMatchObject({ dirty: false, unpushed: false });
  });

  it('tells the branch that is checked out, if any', async () => {
    const one = await begin();
    expect(await look(one)).toMatchObject({ branch: 'task/x-a1' });
    inCheckout('checkout', '-q', '-b', 'feature/雅');
    const { mark, branch } = await look(one);
    expect(branch).toBe('feature/雅');
    inCheckout('checkout', '-q', '--detach');
    expect(await one.look(mark)).toMatchObject({ branch: null });
    inCheckout('checkout', '-q', '--orphan', 'unborn');
    expect(await look(one)).toMatchObject({ branch: 'unborn', holdings: { head_sha: null } });
    await writeFile(path('.git/HEAD'), 'ref: refs/heads/a\u0007 b\n');
    expect(await look(one)).toMatchObject({ branch: null });
  });

  it('goes on after a git that was ended in the middle, and whatever was put in the way of its own', async () => {
    const one = await begin();
    await look(one);
    const own = join(directory.sight, 'git');
    await writeFile(join(own, 'index.lock'), '');
    const canary = join(root, 'canary');
    await writeFile(join(own, 'config'), `[core]\n\tfsmonitor = "touch '${canary}'; false"\n\tbare = true\n`);
    await mkdir(join(own, 'info'), { recursive: true });
    await writeFile(join(own, 'info/exclude'), '*\n');
    await writeFile(path('new'), '1');
    await writeFile(path('src/a.txt'), 'changed\n');
    expect((await look(one)).holdings).toMatchObject({ dirty: true });
    expect((await changedIn(one)).files).toEqual(['new', 'src/a.txt']);
    expect(existsSync(canary)).toBe(false);
    // What was read once is not read again.
    expect(existsSync(join(own, 'index.lock'))).toBe(false);
  });

  it('does not follow what is put in the place of the checkout', async () => {
    const one = await begin();
    await rename(checkout.path, join(root, 'aside'));
    await symlink(join(root, 'aside'), checkout.path);
    await expect(one.look(null)).rejects.toThrow('something else is in the place of the checkout');
  });
});
