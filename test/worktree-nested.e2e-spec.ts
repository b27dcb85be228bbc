import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LinkedSite, type LinkedPlace } from './linked-site.js';
import { commit, git } from './scratch-git.js';
import { factsOf, told } from './worktree-site.js';

let site: LinkedSite;

beforeAll(async () => {
  site = await LinkedSite.open();
});
afterAll(() => site.close());

interface Place extends LinkedPlace {
  /** The linked work tree, on the branch `work`. */
  at: string;
}

const IGNORED = 'node_modules/\n.worktrees\nvendor/*\n*.git/\n';

async function place(): Promise<Place> {
  const made = await site.place({ '.gitignore': IGNORED });
  const at = made.beside('wt');
  git(made.path, 'worktree', 'add', '-q', '-b', 'work', at);
  return { ...made, at };
}

/** Puts a repository with a commit of its own there. */
function repositoryAt(path: string): string {
  mkdirSync(path, { recursive: true });
  git(path, 'init', '-q', '-b', 'main');
  return commit(path, 'all of my work');
}

/** It goes neither by a clean-up nor when somebody asks: the same is told by the list, a dry run, a clean-up and a removal. */
async function expectKept({ id, at }: Place, losses: readonly string[]): Promise<void> {
  const worktree = (await site.list(id)).find(({ path }) => path === at);
  const own = worktree?.would_lose.filter((loss) => !loss.includes('ignored file'));
  expect({ own, dirty: worktree?.dirty }).toEqual({ own: losses, dirty: true });
  const because = worktree?.would_lose.join('; ');
  expect(worktree?.kept_because).toBe(because);
  for (const dry_run of [true, false]) {
    const decisions = await site.cleanUp(id, dry_run, { unused_for_seconds: 0 });
    expect(decisions.find(({ path }) => path === at)).toMatchObject({ outcome: 'kept', because });
  }
  const refusal = await site.ada.delete(`/worktrees/${worktree?.id ?? ''}`);
  expect(told(refusal)).toBe('409 worktree/holds-work');
  expect(refusal.body).toMatchObject({ would_lose: worktree?.would_lose });
  expect(existsSync(join(at, 'file'))).toBe(true);
}

describe('a repository inside of a linked work tree keeps it, though git does not look there', () => {
  it.each([
    ['below an ignored folder', 'node_modules/x'],
    ['deep below one', 'node_modules/@a/b/node_modules/c/d'],
    ['in a folder whose contents are ignored', 'vendor/lib'],
    ['below a folder that is committed', 'src/inner'],
  ])('%s', async (_, inner) => {
    const of = await place();
    mkdirSync(join(of.at, 'src'));
    writeFileSync(join(of.at, 'src/a'), 'a\n');
    git(of.at, 'add', '.');
    git(of.at, 'commit', '-q', '-m', 'feat: src');
    git(of.path, 'merge', '-q', '--ff-only', 'work');
    const sha = repositoryAt(join(of.at, inner));
    if (inner.startsWith('src')) {
      // Git calls a folder clean that became a repository after its files were committed.
      renameSync(join(of.at, inner, '.git'), join(of.at, 'src/.git'));
      execFileSync('rmdir', [join(of.at, inner)]);
      expect(git(of.at, 'status', '--porcelain', '--ignored')).toBe('');
    }
    const path = inner.startsWith('src') ? 'src' : inner;
    await expectKept(of, [`a repository of its own at ${path}`]);
    expect(git(join(of.at, path), 'rev-parse', 'HEAD')).toBe(sha);
    const { id } = await site.only(of.id);
    expect((await site.ada.delete(`/worktrees/${id}?force=true`)).status).toBe(204);
    expect((await factsOf(site.ada, id, 'worktree.removed')).at(-1)?.data).toMatchObject({
      lost: expect.arrayContaining([`a repository of its own at ${path}`]) as string[],
    });
  });

  it('a bare one, unless its files are committed, as those for tests are', async () => {
    const of = await place();
    const bare = join(of.at, 'kept.git');
    git(of.path, 'clone', '-q', '--bare', of.path, bare);
    await expectKept(of, ['a repository of its own at kept.git']);
    git(of.at, 'add', '--force', 'kept.git');
    git(of.at, 'commit', '-q', '-m', 'test: a repository');
    git(of.path, 'merge', '-q', '--ff-only', 'work');
    const { id, would_lose } = await site.only(of.id);
    expect(would_lose).toEqual([expect.stringMatching(/^\d+ ignored/)]);
    expect((await site.ada.delete(`/worktrees/${id}`)).status).toBe(204);
  });

  it('a linked work tree of another repository', async () => {
    const of = await place();
    const other = await place();
    const inner = join(of.at, 'node_modules/other');
    mkdirSync(dirname(inner));
    git(other.path, 'worktree', 'move', other.at, inner);
    writeFileSync(join(inner, 'mine'), 'x');
    await expectKept(of, ['a repository of its own at node_modules/other']);
    expect(existsSync(join(inner, 'mine'))).toBe(true);
  });
});

it('the repository of a submodule keeps it, which git deletes with it: where it is empty now, and where all of it is gone', async () => {
  const of = await place();
  const source = site.scratch.repository('submodule');
  git(of.at, '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', source, 'inner');
  git(of.at, 'commit', '-q', '-m', 'feat: inner');
  git(of.path, 'merge', '-q', '--ff-only', 'work');
  commit(join(of.at, 'inner'), 'all of my work');
  const apart = 'the repository of the submodule inner, which git keeps apart';
  git(of.at, 'reset', '-q', '--hard');
  await expectKept(of, ['a repository of its own at inner', apart]);
  git(of.at, 'submodule', '--quiet', 'deinit', '--force', 'inner');
  expect(git(of.at, 'status', '--porcelain')).toBe('');
  await expectKept(of, [apart]);
  rmSync(of.at, { recursive: true });
  const { id, would_lose } = await site.only(of.id);
  expect(would_lose).toEqual([apart]);
  for (const dry_run of [true, false])
    expect(await site.cleanUp(of.id, dry_run)).toMatchObject([{ outcome: 'kept', because: apart }]);
  expect(told(await site.ada.delete(`/worktrees/${id}`))).toBe('409 worktree/holds-work');
  const kept = join(of.path, '.git/worktrees/wt/modules/inner');
  expect(git(kept, '-c', 'core.bare=true', 'log', '-1', '--format=%s', 'main')).toBe('all of my work');
  expect((await site.ada.delete(`/worktrees/${id}?force=true`)).status).toBe(204);
  expect(existsSync(kept)).toBe(false);
});

describe('a linked work tree stays whoever asks', () => {
  async function expectInUse({ id, at }: Place, because: string): Promise<void> {
    for (const dry_run of [true, false]) {
      const decisions = await site.cleanUp(id, dry_run, { unused_for_seconds: 0 });
      expect(decisions.find(({ path }) => path === at)).toMatchObject({ outcome: 'kept', because });
    }
    const worktree = (await site.list(id)).find(({ path }) => path === at);
    expect(worktree?.kept_because).toBe(because);
    for (const query of ['', '?force=true']) {
      const refusal = await site.ada.delete(`/worktrees/${worktree?.id ?? ''}${query}`);
      expect([told(refusal), refusal.body['detail']]).toEqual([
        '409 worktree/in-use',
        `The worktree stays: ${because}.`,
      ]);
    }
    expect(existsSync(join(at, 'file'))).toBe(true);
  }

  it('while another one lies in it, which goes first', async () => {
    const of = await place();
    const inner = join(of.at, '.worktrees/y');
    git(of.path, 'worktree', 'add', '-q', '-b', 'inner', inner);
    writeFileSync(join(inner, 'mine'), 'x');
    await expectInUse(of, `the work tree at ${inner} lies in it`);
    expect(existsSync(join(inner, 'mine'))).toBe(true);
    const { y = '' } = await site.ids(of.id);
    expect((await site.ada.delete(`/worktrees/${y}?force=true`)).status).toBe(204);
    const { wt = '' } = await site.ids(of.id);
    expect((await site.ada.delete(`/worktrees/${wt}`)).status).toBe(204);
  });

  it('while the repository itself lies in it', async () => {
    const of = await place();
    const path = join(of.at, 'node_modules/repository');
    mkdirSync(dirname(path));
    renameSync(of.path, path);
    git(path, 'worktree', 'repair', of.at);
    const id = await site.register(path);
    await expectInUse({ ...of, path, id }, 'the repository itself lies in it');
  });

  it('while another repository lies in it that is registered, by whichever path', async () => {
    const of = await place();
    const other = await place();
    mkdirSync(join(of.at, 'node_modules'));
    renameSync(other.path, join(of.at, 'node_modules/other'));
    await site.register(join(of.at, 'node_modules/other'));
    await expectInUse(of, `the repository at ${join(of.at, 'node_modules/other')} lies in it`);
  });
});
