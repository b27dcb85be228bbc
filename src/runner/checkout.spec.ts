import { existsSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitTo, gitIn } from '../../test/bare-repository.js';
import { checkoutFrom, type Checkout } from './checkout.js';
import { Git } from './git.js';

const identity = { name: 'CodeGenAgent', email: 'codegen-agent@agents.miyabi.invalid' };
const git = new Git({ PATH: process.env['PATH'] ?? '' });
const quiet = new AbortController().signal;

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

  it('names files of a conflict as they are called, whatever that is', async () => {
    const name = 'Übersicht "neu".txt';
    commitTo(cache, { [name]: 'one\n', c: 'one\n' }, 'dep-1');
    commitTo(cache, { [name]: 'two\n', c: 'two\n' }, 'dep-2');
    await expect(make({ mergeRefs: ['dep-1', 'dep-2'] })).rejects.toMatchObject({
      reason: 'merge_conflict',
      message: `Merging dep-2 conflicts in c, ${name}.`,
    });
  });

  it('starts with nothing when the repository has no commit yet', async () => {
    await rm(cache, { recursive: true });
    gitIn(root, 'init', '-q', '--bare', 'cache.git');
    expect(await make()).toMatchObject({ baseSha: null });
  });
});
