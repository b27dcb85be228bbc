import { existsSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AuthConfig } from '../src/config/auth.config.js';
import { eventually } from './eventually.js';
import { signInPerson, type Answer, type TestPerson } from './fleet.js';
import { commit, git, Scratch } from './scratch-git.js';
import { withGit } from './replaced-git.js';
import { ServerProcess } from './server-process.js';
import { startTestApp, testEnvironment, type TestApp } from './test-app.js';
import { factsOf, told, type ListedWorktree } from './worktree-site.js';

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

describe('an addition that comes to no end', () => {
  /** Writes one of the files by halves, and waits for its end. */
  const HELD = `case " $* " in *' --reset -u '*)
    for arg in "$@"; do case "$arg" in --work-tree=*) printf o >"\${arg#*=}/file";; esac; done
    echo >"$here/held-$$"; exec sleep 600;; esac; exec "$real" "$@"`;
  /** Waits for so many of them, and ends them. */
  async function held(here: string, count: number): Promise<() => void> {
    const files = (): string[] => readdirSync(here).filter((name) => name.startsWith('held-'));
    await eventually('git is at it', () => files().length === count);
    return () => {
      for (const name of files()) {
        rmSync(join(here, name));
        process.kill(Number(name.slice('held-'.length)), 'SIGKILL');
      }
    };
  }
  const begunWith = (start: string, folder: string): string[] =>
    readdirSync(join(scratch.path, folder), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.includes(start),
    );
  const traces = (): object => ({
    entries: begunWith('cut', 'roots/repository/.git/worktrees'),
    folders: begunWith('cut', 'roots/.miyabi-worktrees'),
    branches: git(path, 'branch', '--list', 'cut*'),
    records: readdirSync(join(scratch.path, 'mirrors/.additions')),
  });
  const NONE = { entries: [], folders: [], branches: '', records: [] };
  type Listed = ListedWorktree & { locked: boolean };
  const listed = async (): Promise<Listed[]> =>
    ((await ada.get('/worktrees?limit=100')).body as unknown as { items: Listed[] }).items
      .filter(({ branch }) => branch?.startsWith('cut'))
      .sort((one, other) => String(one.branch).localeCompare(String(other.branch)));

  it('leaves nothing when git is killed, and the answer says so', async () => {
    await withGit(scratch, HELD, async (here) => {
      const adding = add({ branch: 'cut' });
      (await held(here, 1))();
      expect(told(await adding)).toBe('503 git/failed');
      expect(traces()).toEqual(NONE);
    });
  });

  it('leaves nothing when that is after its answer, and it is told that it is gone', async () => {
    await withGit(scratch, HELD, async (here) => {
      const adding = add({ branch: 'cut' });
      const kill = await held(here, 1);
      // It is answered while the files are still to come.
      const { status, body } = await adding;
      expect({ status, locked: body['locked'] }).toEqual({ status: 201, locked: true });
      kill();
      const facts = await factsOf(ada, String(body['id']), 'worktree.removed');
      expect(facts).toMatchObject([
        { type: 'worktree.created', data: { branch: 'cut' } },
        { type: 'worktree.removed', subject: { repository_id: id }, data: { kind: 'linked', found_gone: true } },
      ]);
      expect(traces()).toEqual(NONE);
    });
  });

  it('leaves nothing when the server is killed, but what a person has locked or put there', async () => {
    const by_hand = join(scratch.path, 'roots/locked');
    git(path, 'worktree', 'add', '-q', '-b', 'cut-0', by_hand);
    git(path, 'worktree', 'lock', '--reason', 'being checked out by the control plane', by_hand);
    const branches = ['cut-1', 'cut-2', 'cut-3', 'cut-4'];
    await withGit(scratch, HELD, async (here) => {
      const other = new ServerProcess(
        testEnvironment(server.databaseUrl, {
          JWT_SECRET: server.app.get(AuthConfig).jwt_secret,
          GIT_ROOT: join(scratch.path, 'mirrors'),
          LOCAL_REPOSITORY_ROOTS: join(scratch.path, 'roots'),
        }),
      );
      const url = await other.url();
      const asking = branches.map((branch) =>
        fetch(`${url}/api/v1/worktrees`, {
          method: 'POST',
          headers: { authorization: `Bearer ${ada.token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ repository_id: id, branch }),
        }).catch(() => null),
      );
      const kill = await held(here, branches.length);
      const [, , second, third, fourth] = await listed();
      writeFileSync(join(String(second?.path), 'notes'), 'mine');
      writeFileSync(join(String(third?.path), 'file'), 'other\n');
      git(path, 'worktree', 'unlock', String(fourth?.path));
      git(path, 'worktree', 'lock', '--reason', 'mine', String(fourth?.path));
      // Nobody takes away what somebody else is at.
      expect((await listed()).map(({ branch, locked }) => ({ branch, locked }))).toEqual(
        ['cut-0', ...branches].map((branch) => ({ branch, locked: true })),
      );
      await other.kill();
      kill();
      await Promise.all(asking);
    });
    // The look that finds it clears it away, and waits for that as long as an answer can.
    await eventually('what was left is cleared away', async () => {
      await listed();
      return readdirSync(join(scratch.path, 'mirrors/.additions')).every((name) => !name.endsWith('.json'));
    });
    expect((await listed()).map(({ branch, locked }) => ({ branch, locked }))).toEqual([
      { branch: 'cut-0', locked: true },
      { branch: 'cut-2', locked: false },
      { branch: 'cut-3', locked: false },
      { branch: 'cut-4', locked: true },
    ]);
    expect(begunWith('cut-1', 'roots')).toEqual([]);
    expect(traces()).toMatchObject({ branches: '+ cut-0\n+ cut-2\n+ cut-3\n+ cut-4', records: [] });
    expect(readFileSync(join(String((await listed())[1]?.path), 'notes'), 'utf8')).toBe('mine');
  });
});
