import { existsSync } from 'node:fs';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitTo, gitIn } from '../../test/bare-repository.js';
import { newId } from '../ids.js';
import { checkoutFrom, emptyCheckout, type Checkout } from './checkout.js';
import { ExecutionDirectory } from './execution-directory.js';
import { Git } from './git.js';
import { TrustedRepository, type Harvest } from './trusted-repository.js';

const identity = { name: 'CodeGenAgent', email: 'codegen-agent@agents.miyabi.invalid' };
const git = new Git({ PATH: process.env['PATH'] ?? '' });
const quiet = new AbortController().signal;

describe('TrustedRepository', () => {
  let root: string;
  let cache: string;
  let canary: string;
  let base: string;
  let directory: ExecutionDirectory;
  let checkout: Checkout;

  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'trusted "dir": ')));
    cache = join(root, 'cache.git');
    canary = join(root, 'canary');
    base = commitTo(cache, { 'README.md': 'hello\n', 'src/a.txt': 'a\n', '.gitignore': 'ignored/\n' });
    directory = ExecutionDirectory.of(root, newId());
    await directory.create();
    const plan = { path: directory.checkout, branch: 'task/x-a1', identity, signal: quiet };
    checkout = await checkoutFrom(git, { cache, baseRef: 'main', mergeRefs: [] }, plan);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const path = (...parts: string[]): string => join(checkout.path, ...parts);
  const inCheckout = (...args: string[]): string => gitIn(checkout.path, ...args);

  async function harvest(): Promise<{ harvest: Harvest; trusted: TrustedRepository }> {
    const trusted = await TrustedRepository.open(git, directory, checkout, cache);
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
    inCheckout('branch', '-qD', 'side');
    expect((await harvest()).harvest.uncovered).toHaveLength(0);
    await writeFile(path('README.md'), 'stashed\n');
    inCheckout('stash', '-q');
    expect((await harvest()).harvest.uncovered).toHaveLength(1);
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

  const run = (): string => `touch '${canary}' #`;
  const vectors: Record<string, () => Promise<void>> = {
    hooks: async () => {
      for (const hook of [
        'pre-commit',
        'post-commit',
        'commit-msg',
        'prepare-commit-msg',
        'post-index-change',
        'pre-push',
        'reference-transaction',
        'fsmonitor-watchman',
      ]) {
        await mkdir(path('.git/hooks'), { recursive: true });
        await writeFile(path('.git/hooks', hook), `#!/bin/sh\n${run()}\n`);
        await chmod(path('.git/hooks', hook), 0o755);
      }
    },
    'core.hooksPath': async () => {
      await mkdir(path('h'));
      await writeFile(path('h/post-index-change'), `#!/bin/sh\n${run()}\n`);
      await chmod(path('h/post-index-change'), 0o755);
      inCheckout('config', 'core.hooksPath', path('h'));
    },
    'core.fsmonitor': async () => void inCheckout('config', 'core.fsmonitor', run()),
    'filter.clean by .gitattributes': async () => {
      for (const key of ['clean', 'smudge', 'process']) inCheckout('config', `filter.evil.${key}`, run());
      inCheckout('config', 'filter.evil.required', 'true');
      await writeFile(path('.gitattributes'), '* filter=evil diff=evil merge=evil\n');
    },
    'filter by info/attributes': async () => {
      inCheckout('config', 'filter.evil.clean', run());
      await mkdir(path('.git/info'), { recursive: true });
      await writeFile(path('.git/info/attributes'), '* filter=evil\n');
    },
    'diff.external and textconv': async () => {
      inCheckout('config', 'diff.external', run());
      inCheckout('config', 'diff.evil.textconv', run());
      inCheckout('config', 'diff.evil.command', run());
      await writeFile(path('.gitattributes'), '* diff=evil\n');
    },
    'gpg.program': async () => {
      inCheckout('config', 'gpg.program', run());
      inCheckout('config', 'commit.gpgSign', 'true');
      inCheckout('config', 'push.gpgSign', 'true');
    },
    'core.sshCommand, credential.helper, editor, pager, askpass': async () => {
      for (const key of ['core.sshCommand', 'core.editor', 'core.pager', 'core.askPass', 'core.gitProxy'])
        inCheckout('config', key, run());
      inCheckout('config', 'credential.helper', `!${run()}`);
    },
    'core.alternateRefsCommand and uploadpack': async () => {
      inCheckout('config', 'core.alternateRefsCommand', run());
      inCheckout('config', 'uploadpack.packObjectsHook', run());
      inCheckout('config', 'remote.origin.uploadpack', run());
      inCheckout('config', 'extensions.partialClone', 'origin');
    },
    aliases: async () => {
      for (const command of ['add', 'commit-tree', 'write-tree', 'push', 'rev-list'])
        inCheckout('config', `alias.${command}`, `!${run()}`);
    },
    'include.path': async () => {
      await writeFile(path('evil.config'), `[core]\n\tfsmonitor = "${run()}"\n`);
      inCheckout('config', 'include.path', path('evil.config'));
    },
    'core.worktree of another place': async () => void inCheckout('config', 'core.worktree', root),
    'a nested repository': async () => {
      await mkdir(path('vendor/evil'), { recursive: true });
      const inner = path('vendor/evil');
      gitIn(inner, 'init', '-q');
      await writeFile(join(inner, 'x'), 'x');
      gitIn(inner, 'add', '.');
      gitIn(inner, 'commit', '-qm', 'inner');
      for (const key of ['core.fsmonitor', 'filter.evil.clean']) gitIn(inner, 'config', key, run());
      await writeFile(join(inner, '.gitattributes'), '* filter=evil\n');
      await writeFile(join(inner, 'y'), 'y');
    },
    'a submodule the agent committed': async () => {
      await vectors['a nested repository']?.();
      inCheckout('-c', 'advice.addEmbeddedRepo=false', 'add', '.');
      inCheckout('commit', '-qm', 'with a submodule');
      await writeFile(
        path('.gitmodules'),
        '[submodule "evil"]\n\tpath = vendor/evil\n\turl = ./evil\n\tupdate = !touch canary\n',
      );
      await appendFile(path('vendor/evil/x'), 'dirty');
    },
    'a git file': async () => {
      await rename(path('.git'), join(root, 'elsewhere.git'));
      gitIn(root, '--git-dir=elsewhere.git', 'config', 'core.fsmonitor', run());
      await writeFile(path('.git'), `gitdir: ${join(root, 'elsewhere.git')}\n`);
    },
    'a planted trusted directory': async () => {
      gitIn(root, 'init', '-q', '--bare', directory.trustedGit);
      gitIn(root, `--git-dir=${directory.trustedGit}`, 'config', 'core.fsmonitor', run());
    },
    'the configuration of the cache': async () => {
      gitIn(cache, 'config', 'core.fsmonitor', run());
      gitIn(cache, 'config', 'core.alternateRefsCommand', run());
    },
  };

  it.each(Object.keys(vectors))('runs nothing by %s', async (name) => {
    await vectors[name]?.();
    await writeFile(path('work.txt'), 'work');
    // Laying the trap with git may already have sprung it.
    await rm(canary, { force: true });
    const { harvest: found, trusted } = await harvest();
    expect(found.commitSha).not.toBe(base);
    expect(existsSync(canary)).toBe(false);
    await trusted.settle('task/x-a1', found.commitSha);
    expect(inCheckout('ls-tree', '-r', '--name-only', 'HEAD').split('\n')).toContain('work.txt');
    // What was kept is harmless for whoever looks at it with git, too.
    inCheckout('-c', 'submodule.recurse=false', 'status', '--ignore-submodules=all');
    inCheckout('--no-pager', 'diff', '--ignore-submodules=all', 'HEAD');
    expect(existsSync(canary)).toBe(false);
  });

  it('keeps a checkout with a repository inside, and the link to one that is not filled', async () => {
    await vectors['a submodule the agent committed']?.();
    expect((await harvest()).harvest.uncovered).toEqual(['vendor/evil is a repository of its own']);
    await rm(path('vendor/evil'), { recursive: true });
    await mkdir(path('vendor/evil'));
    const { harvest: found } = await harvest();
    expect(found.uncovered).toEqual([]);
    expect(gitIn(root, `--git-dir=${directory.trustedGit}`, 'ls-files', '--stage', 'vendor')).toMatch(/^160000 /);
  });

  it('would have run it with git in the checkout: the vectors are real', async () => {
    await vectors['filter.clean by .gitattributes']?.();
    await writeFile(path('work.txt'), 'work');
    try {
      inCheckout('add', '.');
    } catch {
      // The filter breaks the command after it has run.
    }
    expect(existsSync(canary)).toBe(true);
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
    const trusted = await TrustedRepository.open(git, other, empty, null);
    const found = await trusted.collect('First\n', identity, () => Promise.resolve());
    expect(found).toMatchObject({ commits: 1, filesChanged: 1, uncovered: [] });
    await trusted.settle('task/y', found.commitSha);
    expect(gitIn(other.checkout, 'log', '--format=%s', 'task/y')).toBe('First');
  });
});

describe('checkoutFrom', () => {
  let root: string;
  let cache: string;
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'checkout-')));
    cache = join(root, 'cache.git');
    commitTo(cache, { a: '1\n' });
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const make = (given: { branch?: string; baseRef?: string; mergeRefs?: string[] } = {}): Promise<Checkout> => {
    const { branch = 'task/z', baseRef = 'main', mergeRefs = [] } = given;
    return checkoutFrom(
      git,
      { cache, baseRef, mergeRefs },
      { path: join(root, 'out'), branch, identity, signal: quiet },
    );
  };

  it('stands alone: nothing in it leads to the cache, and no file is shared with it', async () => {
    const { path } = await make();
    expect(await readFile(join(path, '.git/config'), 'utf8')).not.toContain(root);
    expect(existsSync(join(path, '.git/objects/info/alternates'))).toBe(false);
    expect(existsSync(join(path, '.git/hooks'))).toBe(false);
    await rm(cache, { recursive: true });
    expect(gitIn(path, 'branch', '--show-current')).toBe('task/z');
    gitIn(path, 'fsck', '--full');
    expect(gitIn(path, 'branch', '-r', '--format=%(refname:short)')).toContain('origin/main');
  });

  it('takes a branch before a tag of the same name, a tag, and a commit', async () => {
    const first = gitIn(cache, 'rev-parse', 'main');
    const second = commitTo(cache, { a: '2\n' });
    gitIn(cache, 'tag', 'main', first);
    gitIn(cache, 'tag', 'v1', first);
    expect((await make()).baseSha).toBe(second);
    for (const baseRef of ['v1', first]) {
      await rm(join(root, 'out'), { recursive: true });
      expect((await make({ baseRef })).baseSha).toBe(first);
    }
  });

  it.each(['--upload-pack=touch x', '-x', 'no/such', 'main..main', ':/a', '$(touch x)'])(
    'refuses the base %j',
    async (baseRef) => {
      await expect(make({ baseRef })).rejects.toMatchObject({ reason: 'git' });
    },
  );

  it.each(['-x', '../../x', 'a..b', 'a b', 'x.lock', ''])('refuses the branch %j', async (branch) => {
    await expect(make({ branch })).rejects.toMatchObject({ reason: 'git', retryable: false });
  });

  it('merges what the task depends on, and names the files of a conflict', async () => {
    commitTo(cache, { b: 'b\n' }, 'dep-1');
    commitTo(cache, { a: 'other\n' }, 'dep-2');
    const { path } = await make({ mergeRefs: ['dep-1', 'dep-2'] });
    expect(await readFile(join(path, 'b'), 'utf8')).toBe('b\n');
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('other\n');
    commitTo(cache, { a: 'conflict\n' }, 'dep-3');
    await rm(join(root, 'out'), { recursive: true });
    await expect(make({ mergeRefs: ['dep-2', 'dep-3'] })).rejects.toMatchObject({
      reason: 'merge_conflict',
      message: 'Merging dep-3 conflicts in a.',
    });
  });

  it('starts with nothing when the repository has no commit yet', async () => {
    await rm(cache, { recursive: true });
    gitIn(root, 'init', '-q', '--bare', 'cache.git');
    expect(await make()).toMatchObject({ baseSha: null });
  });
});
