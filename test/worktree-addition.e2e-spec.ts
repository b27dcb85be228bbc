import { existsSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signInPerson, type Answer, type TestPerson } from './fleet.js';
import { commit, git, Scratch } from './scratch-git.js';
import { startTestApp, type TestApp } from './test-app.js';
import { told } from './worktree-site.js';

let server: TestApp;
let scratch: Scratch;
let ada: TestPerson;
let path: string;
let id: string;

beforeAll(async () => {
  scratch = new Scratch();
  server = await startTestApp({
    GIT_ROOT: scratch.directory('mirrors'),
    LOCAL_REPOSITORY_ROOTS: scratch.directory('roots'),
  });
  ada = await signInPerson(server);
  path = scratch.repository('roots/repository', []);
  writeFileSync(join(path, 'file'), 'one\n');
  git(path, 'add', '.');
  commit(path, 'feat: first');
  git(path, 'branch', 'there');
  id = String((await ada.post('/repositories', { local_path: path })).body['id']);
});
afterAll(async () => {
  await server.close();
  scratch.remove();
});

const add = (body: object): Promise<Answer> => ada.post('/worktrees', { repository_id: id, ...body });

it('a worktree is added on a new branch, on one that is there, or on none, as git itself would have', async () => {
  const head = git(path, 'rev-parse', 'main');
  for (const [wish, branch] of [
    [{ branch: 'fix/issue-7' }, 'fix/issue-7'],
    [{ branch: 'there' }, 'there'],
    [{ base_ref: head.slice(0, 12) }, null],
  ] as const) {
    const { status, body } = await add(wish);
    expect({ status, body }).toMatchObject({
      status: 201,
      body: { branch, head_sha: head, locked: false, dirty: false, problem: null, kind: 'linked', repository_id: id },
    });
    const at = String(body['path']);
    expect(at.startsWith(join(scratch.path, 'roots/.miyabi-worktrees/'))).toBe(true);
    expect(readFileSync(join(at, 'file'), 'utf8')).toBe('one\n');
    expect(git(at, 'status', '--porcelain', '--branch')).toBe(`## ${branch ?? 'HEAD (no branch)'}`);
    expect(git(at, 'rev-parse', 'HEAD')).toBe(head);
    expect(git(path, 'worktree', 'list', '--porcelain')).toContain(`worktree ${at}\n`);
    expect((await ada.get(`/worktrees/${String(body['id'])}`)).body).toMatchObject({ path: at });
    writeFileSync(join(at, 'file'), 'two\n');
    git(at, 'commit', '-q', '-a', '-m', 'work goes on');
  }
  git(path, 'fsck', '--strict');
});

it('a branch is in one worktree only, and what is not there is no start', async () => {
  const before = readdirSync(join(path, '.git/worktrees')).length;
  expect(told(await add({ branch: 'main' }))).toBe('409 worktree/branch-in-use');
  expect(told(await add({ branch: 'fix/issue-7' }))).toBe('409 worktree/branch-in-use');
  expect(told(await add({ branch: 'new', base_ref: 'nowhere' }))).toBe('404 git/ref-not-found');
  for (const base_ref of ['--help', 'main^{tree}', '@{u}', '-b', 'main..there'])
    expect(told(await add({ base_ref }))).toBe('404 git/ref-not-found');
  for (const branch of ['-b', '--orphan', 'a..b', 'a b', 'HEAD', 'task/x', 'x.lock', '../x', 'a\tb', ''])
    expect(told(await add({ branch }))).toBe('400 request/invalid');
  // A branch cannot be a folder of branches as well.
  expect((await add({ branch: 'there/below' })).status).toBeGreaterThanOrEqual(409);
  expect(git(path, 'branch', '--list', 'new', 'there/below')).toBe('');
  expect(readdirSync(join(path, '.git/worktrees'))).toHaveLength(before);
});

it('only repositories of the organization on this disk have them', async () => {
  const { body } = await ada.post('/repositories', { full_name: 'octocat/hello-world' });
  expect(told(await add({ repository_id: body['id'] }))).toBe('409 worktree/repository-elsewhere');
  const other = await signInPerson(server);
  expect(told(await other.post('/worktrees', { repository_id: id }))).toBe('404 repository/not-found');
});

it('is refused where that would write elsewhere', async () => {
  const linked = scratch.repository('roots/linked');
  const { body } = await ada.post('/repositories', { local_path: linked });
  symlinkSync(scratch.directory('outside'), join(linked, '.git/worktrees'));
  expect((await add({ repository_id: body['id'] })).status).toBe(409);
  expect(readdirSync(join(scratch.path, 'outside'))).toEqual([]);
  rmSync(join(linked, '.git/worktrees'));
  expect(existsSync(join(linked, '.git/worktrees'))).toBe(false);
});
