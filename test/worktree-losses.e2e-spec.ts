import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LinkedSite, type Decided, type LinkedPlace } from './linked-site.js';
import { commit, git, GIT_ENVIRONMENT } from './scratch-git.js';
import { factsOf, told, type ListedWorktree } from './worktree-site.js';

let site: LinkedSite;

beforeAll(async () => {
  site = await LinkedSite.open();
});
afterAll(() => site.close());

interface Place extends LinkedPlace {
  /** The linked work tree, on the branch `work`. */
  at: string;
  /** What git keeps about it. */
  folder: string;
}

async function place(): Promise<Place> {
  const made = await site.place();
  commit(made.path, 'feat: second');
  const at = made.beside('wt');
  git(made.path, 'worktree', 'add', '-q', '-b', 'work', at);
  return { ...made, at, folder: join(made.path, '.git/worktrees/wt') };
}

const only = ({ id }: Place): Promise<ListedWorktree> => site.only(id);

async function plan({ id }: Place, dry_run: boolean): Promise<Decided> {
  const [decision] = await site.cleanUp(id, dry_run, { unused_for_seconds: 0 });
  if (decision === undefined) throw new Error('nothing was decided');
  return decision;
}

/** It goes neither by a clean-up nor when somebody asks, who are told why; and what it holds is still there. */
async function expectKept(of: Place, would_lose: readonly string[]): Promise<void> {
  const worktree = await only(of);
  expect(worktree).toMatchObject({ unpushed: true, merged: false, would_lose, kept_because: would_lose.join('; ') });
  for (const dry_run of [true, false])
    expect(await plan(of, dry_run)).toMatchObject({ outcome: 'kept', because: would_lose.join('; ') });
  const refusal = await site.ada.delete(`/worktrees/${worktree.id}`);
  expect(told(refusal)).toBe('409 worktree/holds-work');
  expect(refusal.body).toMatchObject({ would_lose });
  expect(existsSync(of.at)).toBe(true);
  git(of.at, 'status');
}

async function expectGone(of: Place): Promise<void> {
  const worktree = await only(of);
  expect(worktree).toMatchObject({ unpushed: false, would_lose: [] });
  expect((await plan(of, true)).outcome).toBe('would_be_removed');
  expect((await site.ada.delete(`/worktrees/${worktree.id}`)).status).toBe(204);
  expect(existsSync(of.at)).toBe(false);
}

/** A commit of its own that no reference leads to, nor a log. */
const alone = (at: string, message: string): string =>
  git(at, 'commit-tree', '-m', message, '-p', 'main', 'main^{tree}');

describe('commits that only a linked work tree leads to keep it', () => {
  it('by the log of its HEAD, once HEAD has left them', async () => {
    const of = await place();
    git(of.at, 'checkout', '-q', '--detach');
    const first = commit(of.at, 'fix: alone');
    const second = commit(of.at, 'fix: alone, too');
    git(of.at, 'checkout', '-q', '--detach', 'main');
    await expectKept(of, [`2 commits that only the log of its HEAD leads to: ${second}, ${first}`]);
    // On a branch they are nobody's loss.
    git(of.path, 'branch', 'saved', second);
    await expectGone(of);
    expect(git(of.path, 'rev-parse', 'saved~1')).toBe(first);
  });

  it.each(['--abort', '--quit'])(
    'by the log of its HEAD, when they were made in a rebase that ended with %s',
    async (how) => {
      const of = await place();
      for (const message of ['fix: mine', 'fix: mine, too']) commit(of.at, message);
      commit(of.path, 'feat: meanwhile');
      execFileSync('git', ['-c', 'sequence.editor=sed -i s/pick/edit/', 'rebase', '-q', '-i', 'main'], {
        ...{ cwd: of.at, stdio: 'pipe', env: GIT_ENVIRONMENT },
      });
      const first = git(of.at, 'rev-parse', 'HEAD');
      const second = commit(of.at, 'fix: by hand');
      git(of.at, 'rebase', '--continue');
      const third = git(of.at, 'rev-parse', 'HEAD');
      git(of.at, 'rebase', how);
      git(of.at, 'checkout', '-q', 'work');
      git(of.path, 'merge', '-q', '--no-edit', 'work');
      await expectKept(of, [`3 commits that only the log of its HEAD leads to: ${third}, ${second}, ${first}`]);
      git(of.path, 'branch', 'saved', third);
      await expectGone(of);
    },
  );

  it('by references of its own, whatever they lead to', async () => {
    const of = await place();
    const [kept, tagged, bisected] = ['kept', 'tagged', 'bisected'].map((name) => alone(of.at, name)) as [
      string,
      string,
      string,
    ];
    git(of.at, 'update-ref', 'refs/worktree/keep', kept);
    git(of.at, 'tag', '-a', '-m', 'x', 'v1', tagged);
    git(of.at, 'update-ref', 'refs/rewritten/tag', git(of.at, 'rev-parse', 'v1'));
    git(of.at, 'tag', '-d', 'v1');
    git(of.at, 'update-ref', 'refs/bisect/bad', bisected);
    git(of.at, 'update-ref', 'refs/worktree/main', 'main');
    const losses = [
      `1 commit that only its reference refs/bisect/bad leads to: ${bisected}`,
      `1 commit that only its reference refs/rewritten/tag leads to: ${tagged}`,
      `1 commit that only its reference refs/worktree/keep leads to: ${kept}`,
    ];
    const { would_lose } = await only(of);
    expect([...would_lose].sort()).toEqual(losses);
    await expectKept(of, would_lose);
  });

  it('by ORIG_HEAD and its kind, though not by what was fetched', async () => {
    const of = await place();
    const [orig, own, fetched] = ['orig', 'own', 'fetched'].map((name) => alone(of.at, name)) as [
      string,
      string,
      string,
    ];
    git(of.at, 'update-ref', 'ORIG_HEAD', orig);
    git(of.at, 'update-ref', 'MY_OWN', own);
    writeFileSync(join(of.folder, 'FETCH_HEAD'), `${fetched}\tnot-for-merge\tbranch 'x' of elsewhere\n`);
    await expectKept(of, [
      `1 commit that only its MY_OWN leads to: ${own}`,
      `1 commit that only its ORIG_HEAD leads to: ${orig}`,
    ]);
    git(of.at, 'update-ref', '-d', 'ORIG_HEAD');
    git(of.at, 'update-ref', '-d', 'MY_OWN');
    await expectGone(of);
  });

  it('in the middle of something, with what that began from', async () => {
    const of = await place();
    git(of.at, 'checkout', '-q', '--detach');
    writeFileSync(join(of.at, 'file'), 'two\n');
    git(of.at, 'commit', '-q', '-a', '-m', 'two');
    const two = git(of.at, 'rev-parse', 'HEAD');
    writeFileSync(join(of.path, 'file'), 'three\n');
    git(of.path, 'commit', '-q', '-a', '-m', 'three');
    expect(() => git(of.at, 'rebase', 'main')).toThrow();
    const { would_lose } = await only(of);
    expect(would_lose).toContain('a rebase that is under way');
    expect(would_lose.join()).toContain(two);
    await expectKept(of, would_lose);
    git(of.at, 'rebase', '--abort');
    git(of.at, 'update-ref', 'refs/heads/two', two);
    git(of.at, 'checkout', '-q', 'work');
    for (const name of ['sequencer', 'NOTES_MERGE_WORKTREE', 'rebase-apply']) {
      mkdirSync(join(of.folder, name));
      if (name === 'rebase-apply') writeFileSync(join(of.folder, name, 'applying'), '');
    }
    writeFileSync(join(of.folder, 'BISECT_START'), 'main\n');
    expect((await only(of)).would_lose).toEqual(['the applying of mails that is under way']);
  });

  it('and who asks for that loses them, which is told', async () => {
    const of = await place();
    const sha = alone(of.at, 'kept');
    git(of.at, 'update-ref', 'refs/worktree/keep', sha);
    const { id } = await only(of);
    expect((await site.ada.delete(`/worktrees/${id}?force=true`)).status).toBe(204);
    const loss = `1 commit that only its reference refs/worktree/keep leads to: ${sha}`;
    expect((await factsOf(site.ada, id, 'worktree.removed')).at(-1)?.data).toMatchObject({
      forced: true,
      lost: [loss],
    });
  });
});

describe('a linked work tree goes although its HEAD has been elsewhere', () => {
  it('when what it left is in the log of a branch: amended, reset or rebased', async () => {
    const of = await place();
    commit(of.at, 'fix: a');
    git(of.at, 'commit', '-q', '--amend', '--allow-empty', '-m', 'fix: amended');
    commit(of.at, 'fix: b');
    git(of.at, 'reset', '-q', '--hard', 'HEAD~1');
    for (const [name, message] of [
      ['one', 'fix: one'],
      ['two', 'fix: two'],
      ['more', 'fixup! fix: one'],
    ] as const) {
      writeFileSync(join(of.at, name), name);
      git(of.at, 'add', '.');
      git(of.at, 'commit', '-q', '-m', message);
    }
    commit(of.path, 'feat: meanwhile');
    execFileSync('git', ['-c', 'sequence.editor=true', 'rebase', '-q', '-i', '--autosquash', 'main'], {
      ...{ cwd: of.at, stdio: 'pipe' },
      env: { ...GIT_ENVIRONMENT, GIT_EDITOR: 'true' },
    });
    expect(git(of.at, 'log', '-g', '--format=%gs')).toContain('rebase (fixup)');
    git(of.path, 'merge', '-q', '--ff-only', 'work');
    await expectGone(of);
  });

  it('when git has thrown it away, or it was never a commit', async () => {
    const of = await place();
    const blob = git(of.at, 'hash-object', '-w', 'file');
    git(of.at, 'update-ref', 'refs/worktree/blob', blob);
    const line = `${'a'.repeat(40)} ${'b'.repeat(40)} Ada <a@b> 1700000000 +0000\tcommit: gone\n`;
    appendFileSync(join(of.folder, 'logs/HEAD'), line);
    await expectGone(of);
  });
});

describe('files that git does not look at', () => {
  it('are told when a .gitignore names them, and go; that is told, too', async () => {
    const of = await place();
    writeFileSync(join(of.at, '.gitignore'), 'node_modules/\n.env\n*.o\n');
    git(of.at, 'add', '.gitignore');
    git(of.at, 'commit', '-q', '-m', 'chore: ignore');
    git(of.path, 'merge', '-q', '--ff-only', 'work');
    mkdirSync(join(of.at, 'node_modules/a'), { recursive: true });
    for (const name of ['node_modules/a/index.js', '.env']) writeFileSync(join(of.at, name), 'x');
    const goes = '2 ignored files or folders: .env, node_modules/';
    expect(await only(of)).toMatchObject({ dirty: false, unpushed: false, would_lose: [goes] });
    expect(await plan(of, true)).toMatchObject({
      outcome: 'would_be_removed',
      because: `nothing in it is uncommitted, and its commits are in the default branch; with it goes ${goes}`,
    });
    for (let at = 0; at < 30; at++) writeFileSync(join(of.at, `${String(at)}.o`), 'x');
    const { id, would_lose } = await only(of);
    expect(would_lose).toEqual([expect.stringMatching(/^32 ignored files or folders: .* and 12 more$/)]);
    expect((await site.ada.delete(`/worktrees/${id}`)).status).toBe(204);
    expect((await factsOf(site.ada, id, 'worktree.removed')).at(-1)?.data).toMatchObject({
      forced: false,
      lost: would_lose,
    });
  });

  it('keep it when only somebody on this machine says that nobody needs them', async () => {
    const of = await place();
    appendFileSync(join(of.path, '.git/info/exclude'), 'notes\n');
    writeFileSync(join(of.at, 'notes'), 'all of my work');
    expect(git(of.at, 'status', '--porcelain')).toBe('');
    expect(await only(of)).toMatchObject({ dirty: true, would_lose: ['1 file in no commit: notes'] });
    expect(await plan(of, false)).toEqual(expect.objectContaining({ outcome: 'kept' }));
    expect(existsSync(join(of.at, 'notes'))).toBe(true);
  });

  /** Has a link to a commit committed, as of a submodule that nobody has fetched here. */
  const linkTo = ({ at }: Place, sha: string): void => {
    git(at, 'update-index', '--add', '--cacheinfo', `160000,${sha},module`);
    git(at, 'commit', '-q', '-m', 'chore: module');
    git(at, 'update-ref', 'refs/heads/main', 'HEAD');
  };
  const WAYS: Readonly<Record<string, (of: Place) => void>> = {
    'a name that differs in its case alone, which git is told to pass over': ({ at, path }) => {
      git(path, 'config', 'core.ignoreCase', 'true');
      writeFileSync(join(at, 'FILE'), 'all of my work');
    },
    'a file in the place of a submodule': (of) => {
      linkTo(of, git(of.at, 'rev-parse', 'HEAD'));
      writeFileSync(join(of.at, 'module'), 'all of my work');
    },
    'another commit of a submodule, staged': (of) => {
      linkTo(of, git(of.at, 'rev-parse', 'HEAD'));
      git(of.at, 'update-index', '--cacheinfo', `160000,${git(of.at, 'rev-parse', 'HEAD')},module`);
    },
    'what is staged, when the directory is gone': ({ at }) => {
      writeFileSync(join(at, 'notes'), 'all of my work');
      git(at, 'add', 'notes');
      rmSync(at, { recursive: true });
    },
  };
  it.each(Object.keys(WAYS))('keep it: %s', async (way) => {
    const of = await place();
    WAYS[way]?.(of);
    const { id, dirty, would_lose } = await only(of);
    expect([dirty, ...would_lose]).toEqual([true, expect.stringMatching(/^1 file in no commit: (FILE|module|notes)$/)]);
    expect((await plan(of, false)).outcome).toBe('kept');
    expect(told(await site.ada.delete(`/worktrees/${id}`))).toBe('409 worktree/holds-work');
  });

  it('do not keep it where a submodule is as it was committed, or the directory went with nothing staged', async () => {
    const of = await place();
    linkTo(of, git(of.at, 'rev-parse', 'HEAD'));
    expect(await only(of)).toMatchObject({ dirty: false, would_lose: [] });
    rmSync(of.at, { recursive: true });
    await expectGone(of);
  });
});
