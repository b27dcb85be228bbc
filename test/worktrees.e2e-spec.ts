import { chmodSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '../src/ids.js';
import { Caller } from './caller.js';
import { signInPerson } from './fleet.js';
import { commit, git, Scratch } from './scratch-git.js';
import { codeOf } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';
import type { ListedWorktree, WorktreeAnswer } from './worktree-site.js';

let server: TestApp;
let scratch: Scratch;
let ada: Caller;
let counter = 0;

beforeAll(async () => {
  scratch = new Scratch();
  server = await startTestApp({
    GIT_ROOT: scratch.directory('mirrors'),
    LOCAL_REPOSITORY_ROOTS: scratch.directory('roots'),
  });
  ada = await Caller.signIn(server);
});
afterAll(async () => {
  await server.close();
  scratch.remove();
});

/** A registered repository with one commit of a file, and the place beside it. */
async function site(): Promise<{ id: string; path: string; beside: (name: string) => string }> {
  const name = `roots/place-${String(counter++)}`;
  const path = scratch.repository(`${name}/repository`, []);
  writeFileSync(join(path, 'file'), 'one\n');
  writeFileSync(join(path, '.gitignore'), 'ignored\n');
  git(path, 'add', '.');
  commit(path, 'feat: first');
  const { id } = await ada.register(path);
  return { id, path, beside: (other) => join(scratch.path, name, other) };
}

async function list(id: string): Promise<WorktreeAnswer> {
  const { body } = await ada.get(`/worktrees?repository_id=${id}`).expect(200);
  return body as WorktreeAnswer;
}

/** The only one of a repository. */
async function only(id: string): Promise<ListedWorktree> {
  const { items } = await list(id);
  expect(items).toHaveLength(1);
  return items[0] as ListedWorktree;
}

describe('a linked work tree', () => {
  it('is told with its branch, its commit, its size and its times, and has an id that stays', async () => {
    const { id, path, beside } = await site();
    git(path, 'worktree', 'add', '-q', '-b', 'fix/issue-17', beside('one'));
    const head = git(path, 'rev-parse', 'HEAD');
    const worktree = await only(id);
    expect(worktree).toEqual({
      id: expect.any(String) as string,
      repository_id: id,
      worker_id: null,
      path: beside('one'),
      branch: 'fix/issue-17',
      head_sha: head,
      kind: 'linked',
      ...{ locked: false, lock_reason: null, prunable: false, dirty: false, unpushed: false, merged: true },
      size_bytes: expect.any(Number) as number,
      ...{ execution_id: null, agent_type: null, issue_number: 17 },
      kept_because: 'it was used a short while ago',
      ...{ would_lose: [], problem: null, removal_requested_at: null },
      created_at: expect.any(String) as string,
      changed_at: expect.any(String) as string,
    });
    expect(worktree.size_bytes).toBeGreaterThan(0);
    expect(await only(id)).toEqual(worktree);
    expect((await ada.get(`/worktrees/${worktree.id}`).expect(200)).body).toEqual(worktree);
    git(path, 'worktree', 'move', beside('one'), beside('two'));
    expect(await only(id)).toMatchObject({ id: worktree.id, path: beside('two') });
    git(path, 'worktree', 'remove', beside('two'));
    expect(await list(id)).toEqual({ items: [], next_cursor: null, unread: [] });
    expect(await codeOf(ada.get(`/worktrees/${worktree.id}`))).toBe('404 worktree/not-found');
  });

  it('is dirty by what differs, what is new, what git was told to pass over, and what is under way', async () => {
    const { id, path, beside } = await site();
    const at = beside('wt');
    git(path, 'worktree', 'add', '-q', '-b', 'work', at);
    writeFileSync(join(at, 'ignored'), 'nobody minds\n');
    expect(await only(id)).toMatchObject({ dirty: false, would_lose: ['1 ignored file or folder: ignored'] });
    rmSync(join(at, 'ignored'));
    const state = async (): Promise<unknown> => {
      const { dirty, would_lose, kept_because } = await only(id);
      expect({ dirty, kept_because }).toEqual({ dirty: true, kept_because: would_lose.join('; ') });
      return would_lose;
    };
    writeFileSync(join(at, 'new "file"\n'), 'x');
    expect(await state()).toEqual(['1 file in no commit: new "file"\n']);
    rmSync(join(at, 'new "file"\n'));
    // In the second of the checkout, and of the same size: git itself has to read it.
    writeFileSync(join(at, 'file'), 'two\n');
    const { atime, mtime } = statSync(join(path, '.git/worktrees/wt/index'));
    utimesSync(join(at, 'file'), atime, mtime);
    expect(await state()).toEqual(['1 file in no commit: file']);
    git(at, 'checkout', '-q', 'file');
    for (const flag of ['assume-unchanged', 'skip-worktree']) {
      git(at, 'update-index', `--${flag}`, 'file');
      writeFileSync(join(at, 'file'), 'hidden\n');
      expect(git(at, 'status', '--porcelain')).toBe('');
      expect(await state()).toEqual(['1 file in no commit: file']);
      git(at, 'update-index', `--no-${flag}`, 'file');
    }
    git(at, 'add', 'file');
    expect(await state()).toEqual(['1 file in no commit: file']);
    git(at, 'reset', '-q', '--hard');
    git(at, 'cherry-pick', '--no-commit', 'HEAD');
    writeFileSync(join(path, '.git/worktrees/wt/CHERRY_PICK_HEAD'), `${git(at, 'rev-parse', 'HEAD')}\n`);
    expect(await state()).toEqual(['a cherry-pick that is under way']);
    git(at, 'cherry-pick', '--quit');
    mkdirSync(join(at, 'inner'));
    git(join(at, 'inner'), 'init', '-q');
    commit(join(at, 'inner'), 'inner');
    git(at, 'add', 'inner');
    git(at, 'commit', '-q', '-m', 'a link to another repository');
    writeFileSync(join(at, 'inner/file'), 'not seen by git\n');
    expect(await state()).toEqual(['a repository of its own at inner']);
  });

  it('holds commits of its own as long as they are on no branch, or on no remote where one is tracked', async () => {
    const { id, path, beside } = await site();
    git(path, 'worktree', 'add', '-q', '--detach', beside('wt'));
    const sha = commit(beside('wt'), 'fix: alone\n\nIssue: 5\nAgent-Type: review');
    expect(await only(id)).toMatchObject({
      ...{ branch: null, head_sha: sha, dirty: false, unpushed: true, merged: false },
      ...{ agent_type: 'review', issue_number: 5, would_lose: ['1 commit that is nowhere else'] },
    });
    git(path, 'tag', 'kept', sha);
    expect(await only(id)).toMatchObject({ unpushed: false, merged: false, would_lose: [] });
    git(path, 'update-ref', 'refs/remotes/origin/main', 'main');
    expect(await only(id)).toMatchObject({ unpushed: true, merged: false });
    git(beside('wt'), 'switch', '-q', '-c', 'mine');
    expect((await only(id)).would_lose).toEqual([
      '1 commit that is on no remote, though they stay on the branch mine here',
    ]);
    git(path, 'update-ref', 'refs/remotes/origin/mine', sha);
    expect(await only(id)).toMatchObject({ branch: 'mine', unpushed: false, merged: false });
    git(path, 'merge', '-q', '--ff-only', 'mine');
    expect(await only(id)).toMatchObject({ merged: true, agent_type: null, issue_number: null });
  });

  it('is locked, gone, without commits, or called as nobody would', async () => {
    const { id, path, beside } = await site();
    const odd = beside('wt "a"\n-b\t\u96c5');
    git(path, 'worktree', 'add', '-q', '-b', '雅/<b>$(x)#9', odd);
    git(path, 'worktree', 'lock', '--reason', 'on a\nstick', odd);
    git(path, 'worktree', 'add', '-q', '--detach', beside('gone'));
    rmSync(beside('gone'), { recursive: true });
    const bytes = Buffer.concat([Buffer.from(beside('latin-')), Buffer.from([0xe9, 0xff])]);
    git(path, 'worktree', 'add', '-q', '--detach', beside('plain'));
    renameSync(beside('plain'), bytes);
    writeFileSync(join(path, '.git/worktrees/plain/gitdir'), Buffer.concat([bytes, Buffer.from('/.git\n')]));
    writeFileSync(Buffer.concat([bytes, Buffer.from('/\xfe', 'latin1')]), 'x');
    const { items } = await list(id);
    const found = (name: string): ListedWorktree | undefined => items.find((one) => one.path.startsWith(beside(name)));
    expect(found('wt')).toMatchObject({
      ...{ path: odd, branch: '雅/<b>$(x)#9', issue_number: 9, locked: true, lock_reason: 'on a\nstick' },
      ...{ dirty: false, kept_because: 'it is locked: on a\nstick' },
    });
    expect(found('gone')).toMatchObject({ prunable: true, dirty: false, size_bytes: 0, problem: null });
    expect(found('latin')).toMatchObject({
      ...{ path: beside('latin-\\xe9\\xff'), dirty: true, problem: null },
      would_lose: ['1 file in no commit: \\xfe'],
    });
  });

  it('is not looked into where it leads elsewhere, and says so', async () => {
    const { id, path, beside } = await site();
    for (const name of ['moved', 'linked', 'common', 'twice', 'other'])
      git(path, 'worktree', 'add', '-q', '--detach', beside(name));
    const entry = (name: string, file: string): string => join(path, '.git/worktrees', name, file);
    const outside = scratch.repository('outside');
    writeFileSync(entry('moved', 'gitdir'), `${outside}/.git\n`);
    rmSync(entry('linked', 'HEAD'));
    symlinkSync(join(outside, '.git/HEAD'), entry('linked', 'HEAD'));
    writeFileSync(entry('common', 'commondir'), `${outside}/.git\n`);
    writeFileSync(entry('twice', 'gitdir'), `${beside('other')}/.git\n`);
    const { items } = await list(id);
    expect(items.map(({ problem }) => problem).sort()).toEqual([
      'It is outside of the directories that this server may read.',
      'The repository has two entries for this path.',
      'The repository has two entries for this path.',
      'What the repository keeps about it is not as git writes it.',
      'What the repository keeps about it is not as git writes it.',
    ]);
    for (const one of items) expect(one).toMatchObject({ dirty: null, size_bytes: null });
    expect(JSON.stringify(items)).not.toContain(git(outside, 'rev-parse', 'HEAD'));
  });

  it('shows what is damaged as that, and the others beside it', async () => {
    const { id, path, beside } = await site();
    git(path, 'worktree', 'add', '-q', '--detach', beside('good'));
    git(path, 'worktree', 'add', '-q', '--detach', beside('bad'));
    writeFileSync(join(path, '.git/worktrees/bad/index'), 'no index');
    const { items } = await list(id);
    const [bad, good] = ['bad', 'good'].map((name) => items.find((one) => one.path === beside(name)));
    expect(good).toMatchObject({ dirty: false, problem: null });
    expect(bad).toMatchObject({ dirty: null, merged: true });
    expect(bad?.problem).toMatch(/damaged|did not make clear/);
    expect(bad?.kept_because).toContain('could not be looked at');
  });
});

describe('the list', () => {
  it('goes on from page to page, each worktree once', async () => {
    const { id, path, beside } = await site();
    for (let at = 0; at < 5; at++) git(path, 'worktree', 'add', '-q', '--detach', beside(`wt-${String(at)}`));
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await ada.get(`/worktrees?repository_id=${id}&limit=2${cursor}`).expect(200);
      const { items, next_cursor } = body as WorktreeAnswer;
      seen.push(...items.map((one) => one.path));
      cursor = next_cursor === null ? '' : `&cursor=${next_cursor}`;
    } while (cursor !== '');
    expect(seen.sort()).toEqual([0, 1, 2, 3, 4].map((at) => beside(`wt-${String(at)}`)));
  });

  it('names a repository that cannot be read beside the others, and refuses it alone', async () => {
    const person = await Caller.signIn(server);
    const make = async (name: string): Promise<{ id: string; path: string }> => {
      const path = scratch.repository(`roots/${name}`);
      git(path, 'worktree', 'add', '-q', '--detach', `${path}-wt`);
      return { id: (await person.register(path)).id, path };
    };
    const [good, bad] = [await make('readable'), await make('unreadable')];
    expect(((await person.get('/worktrees').expect(200)).body as WorktreeAnswer).items).toHaveLength(2);
    rmSync(bad.path, { recursive: true });
    const { body } = await person.get('/worktrees').expect(200);
    expect(body).toMatchObject({
      items: [{ repository_id: good.id }],
      unread: [{ repository_id: bad.id, code: 'git/failed' }],
    });
    expect(await codeOf(person.get(`/worktrees?repository_id=${bad.id}`))).toBe('409 git/failed');
  });

  it('needs the disk for repositories that are on it, and for those alone', async () => {
    const person = await signInPerson(server);
    const path = scratch.repository('roots/elsewhere');
    const local = await person.post('/repositories', { local_path: path });
    const remote = await person.post('/repositories', { full_name: 'octocat/hello-world' });
    const without = await startTestApp({ GIT_ROOT: '', LOCAL_REPOSITORY_ROOTS: join(scratch.path, 'roots') }, server);
    const ask = (query: string) =>
      without.request.get(`/api/v1/worktrees${query}`).set('Authorization', `Bearer ${person.token}`);
    try {
      const [of, nothing] = [{ repository_id: String(local.body['id']) }, { items: [], next_cursor: null }];
      expect(await codeOf(ask(`?repository_id=${of.repository_id}`))).toBe('503 git/not-here');
      expect((await ask('').expect(200)).body).toMatchObject({ ...nothing, unread: [{ ...of, code: 'git/not-here' }] });
      const { body } = await ask(`?repository_id=${String(remote.body['id'])}`).expect(200);
      expect(body).toEqual({ ...nothing, unread: [] });
    } finally {
      await without.close();
    }
  });

  it('is for the organization alone', async () => {
    const { id, path, beside } = await site();
    git(path, 'worktree', 'add', '-q', '--detach', beside('wt'));
    const { id: worktree } = await only(id);
    const other = await Caller.signIn(server);
    expect((await other.get('/worktrees').expect(200)).body).toEqual({ items: [], next_cursor: null, unread: [] });
    expect(await codeOf(other.get(`/worktrees?repository_id=${id}`))).toBe('404 repository/not-found');
    for (const unknown of [worktree, newId()])
      for (const more of ['', '/diff'])
        expect(await codeOf(other.get(`/worktrees/${unknown}${more}`))).toBe('404 worktree/not-found');
  });
});

describe('the diff of a linked work tree', () => {
  it('is what it has committed since it left the default branch', async () => {
    const { id, path, beside } = await site();
    git(path, 'worktree', 'add', '-q', '-b', 'work', beside('wt'));
    const base = git(path, 'rev-parse', 'HEAD');
    writeFileSync(join(beside('wt'), 'file'), 'two\n');
    chmodSync(join(beside('wt'), 'file'), 0o755);
    git(beside('wt'), 'commit', '-q', '-a', '-m', 'fix: two');
    commit(path, 'feat: meanwhile');
    const worktree = await only(id);
    const { body } = await ada.get(`/worktrees/${worktree.id}/diff`).expect(200);
    expect(body).toMatchObject({
      ...{ worktree_id: worktree.id, base_sha: base, base_from: 'default_branch', head_sha: worktree.head_sha },
      files: [{ path: 'file', additions: 1, deletions: 1, mode: '100755', previous_mode: '100644' }],
    });
    const { body: nothing } = await ada.get(`/worktrees/${worktree.id}/diff?path=other`).expect(200);
    expect(nothing).toMatchObject({ files: [] });
  });
});
