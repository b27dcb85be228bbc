import { existsSync } from 'node:fs';
import { appendFile, chmod, mkdir, mkdtemp, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitTo, gitIn } from '../../test/bare-repository.js';
import { newId } from '../ids.js';
import { checkoutFrom, type Checkout } from './checkout.js';
import { ExecutionDirectory } from './execution-directory.js';
import { Git } from './git.js';
import { TrustedRepository, type Harvest } from './trusted-repository.js';

const identity = { name: 'CodeGenAgent', email: 'codegen-agent@agents.miyabi.invalid' };
const git = new Git({ PATH: process.env['PATH'] ?? '' });
const quiet = new AbortController().signal;
const LIMITS = { signal: quiet, timeMs: 60_000, maxFileBytes: 1024 ** 3 };

describe('A hostile checkout', () => {
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
    const trusted = await TrustedRepository.open(git, directory, checkout, cache, LIMITS);
    return {
      trusted,
      harvest: await trusted.collect('Do it\n\nAgent-Type: codegen\n', identity, () => Promise.resolve()),
    };
  }

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

  it('tells of a git directory that cannot be read, and of work trees that lie elsewhere', async () => {
    inCheckout('worktree', 'add', '-q', '--detach', join(root, 'beside'));
    await writeFile(join(root, 'beside/notes'), 'in no commit');
    expect((await harvest()).harvest.uncovered).toEqual([`it has a linked work tree at ${join(root, 'beside')}`]);
    inCheckout('worktree', 'remove', '--force', join(root, 'beside'));
    expect((await harvest()).harvest.uncovered).toEqual([]);
    inCheckout('commit', '-qm', 'mine', '--allow-empty');
    inCheckout('init', '-q', '--separate-git-dir', join(root, 'elsewhere'));
    await writeFile(path('new'), '1');
    expect((await harvest()).harvest).toMatchObject({
      commits: 1,
      uncovered: ['its .git is not the directory that was made for it'],
    });
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
});
