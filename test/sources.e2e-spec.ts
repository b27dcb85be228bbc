import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Caller, type Page, type Repository } from './caller.js';
import { GitSite } from './git-site.js';
import { commit, git, GIT_ENVIRONMENT, type Scratch } from './scratch-git.js';
import { codeOf } from './sign-in.js';
import type { TestApp } from './test-app.js';

let site: GitSite;
let server: TestApp;
let scratch: Scratch;
let caller: Caller;

beforeAll(async () => {
  site = await GitSite.open();
  ({ server, scratch } = site);
});
afterAll(() => site.close());
beforeEach(async () => {
  caller = await Caller.signIn(server);
});

const place = (): string => site.place();
const source = (messages?: readonly string[]): string => site.source(messages);
const sync = async ({ id }: Repository): Promise<Repository> =>
  (await caller.post(`/repositories/${id}/sync`).expect(200)).body as Repository;

interface Branch {
  name: string;
  is_default: boolean;
}

async function seen({ id }: Repository): Promise<{ branches: string[]; commits: string[]; log: string[] }> {
  const branches = (await caller.get(`/repositories/${id}/branches`).expect(200)).body as Page<Branch>;
  const commits = (await caller.get(`/repositories/${id}/commits`).expect(200)).body as Page<{ subject: string }>;
  return {
    branches: branches.items.map(({ name, is_default }) => (is_default ? `${name} (default)` : name)),
    commits: commits.items.map(({ subject }) => subject),
    log: (await caller.messages(`repository_id=${id}`)).sort(),
  };
}

describe('a source whose HEAD is at no branch', () => {
  it('is shown from there on, and by its branches again when it has some', async () => {
    const path = source(['feat: one']);
    git(path, 'checkout', '-q', '--detach');
    git(path, 'branch', '-D', 'main');
    commit(path, 'feat: two');
    const repository = await caller.register(path);
    expect(repository).toMatchObject({
      status: 'ready',
      default_branch: 'detached-head',
      notice: 'No branch of the source is at its HEAD, which is shown as the branch detached-head.',
    });
    expect(await seen(repository)).toEqual({
      branches: ['detached-head (default)'],
      commits: ['feat: two', 'feat: one'],
      log: ['feat: one', 'feat: two'],
    });
    commit(path, 'feat: three');
    expect((await seen(repository)).commits[0]).toBe('feat: three');
    git(path, 'checkout', '-q', '-b', 'main');
    expect(await sync(repository)).toMatchObject({ default_branch: 'main', notice: null });
    expect((await seen(repository)).branches).toEqual(['main (default)']);
  });

  it('as a checkout of CI has it, is shown', async () => {
    const origin = source(['feat: one', 'feat: of a pull request']);
    const path = scratch.directory(place());
    git(path, 'init', '-q');
    git(path, 'fetch', '-q', '--depth=1', `file://${origin}`, '+HEAD:refs/remotes/pull/1/merge');
    git(path, 'checkout', '-q', '--detach', 'refs/remotes/pull/1/merge');
    const repository = await caller.register(path);
    expect(repository).toMatchObject({ status: 'ready', default_branch: 'detached-head' });
    expect((await seen(repository)).commits).toEqual(['feat: of a pull request']);
  });

  it('but has others, keeps its default branch; a branch that bears the name stays itself', async () => {
    const path = source(['feat: one']);
    git(path, 'branch', 'detached-head');
    git(path, 'checkout', '-q', '--detach');
    commit(path, 'feat: two');
    const repository = await caller.register(path);
    expect(repository).toMatchObject({ status: 'ready', default_branch: 'main' });
    expect(await seen(repository)).toEqual({
      branches: ['detached-head', 'detached-head-2', 'main (default)'],
      commits: ['feat: one'],
      log: ['feat: one', 'feat: two'],
    });
  });
});

describe('branches that bear a name of executions', () => {
  it('are told of, as they are not shown', async () => {
    const path = source();
    git(path, 'branch', 'task/mine');
    const repository = await caller.register(path);
    expect(repository).toMatchObject({
      status: 'ready',
      notice:
        '1 branch of the source is not shown, because its name begins with task, which belongs to executions here: task/mine.',
    });
    for (const name of ['task/b', 'task/c', 'task/d']) git(path, 'branch', name);
    expect((await sync(repository)).notice).toBe(
      '4 branches of the source are not shown, because their names begin with task, which belongs to executions here: task/b, task/c, task/d and others.',
    );
    expect((await seen(repository)).branches).toEqual(['main (default)']);
    for (const name of ['task/mine', 'task/b', 'task/c', 'task/d']) git(path, 'branch', '-D', name);
    expect((await sync(repository)).notice).toBeNull();
  });

  it('are an error where there is nothing else', async () => {
    const path = source();
    git(path, 'branch', '-m', 'task/one');
    const repository = await caller.register(path);
    const words = /no branches but those whose names begin with task/;
    expect(repository).toMatchObject({ status: 'error', last_error: expect.stringMatching(words) as string });
    const { body } = await caller.get(`/repositories/${repository.id}/commits`).expect(409);
    expect(body).toMatchObject({ code: 'git/failed', reason: 'own_names' });
    git(path, 'branch', 'main');
    expect(await sync(repository)).toMatchObject({ status: 'ready', default_branch: 'main' });
  });
});

describe('the default branch', () => {
  it('follows the source, unless somebody has chosen one, and again when they let it', async () => {
    const path = source(['feat: one']);
    const repository = await caller.register(path);
    const change = (default_branch: string | null) =>
      caller.patch(`/repositories/${repository.id}`, { default_branch });
    git(path, 'branch', '-m', 'main', 'trunk');
    expect(await sync(repository)).toMatchObject({ default_branch: 'trunk', status: 'ready', notice: null });
    expect((await seen(repository)).branches).toEqual(['trunk (default)']);
    git(path, 'branch', 'release');
    expect((await change('release').expect(200)).body).toMatchObject({ default_branch: 'release' });
    git(path, 'branch', '-m', 'trunk', 'main');
    expect(await sync(repository)).toMatchObject({ default_branch: 'release', notice: null });
    git(path, 'branch', '-D', 'release');
    expect(await sync(repository)).toMatchObject({
      default_branch: 'release',
      notice: 'Its default branch, release, is not in the source.',
    });
    await change(null).expect(200);
    expect(await sync(repository)).toMatchObject({ default_branch: 'main', notice: null });
  });

  it('cannot be one that is not there, unless there is none yet', async () => {
    const path = source();
    const { id } = await caller.register(path);
    const refused = await caller.patch(`/repositories/${id}`, { default_branch: 'nope' }).expect(400);
    expect(refused.body).toMatchObject({
      code: 'repository/no-such-branch',
      errors: [{ field: 'default_branch' }],
    });
    // One that was made a moment ago is there.
    git(path, 'branch', 'nope');
    await caller.patch(`/repositories/${id}`, { default_branch: 'nope' }).expect(200);
    const empty = scratch.directory(place());
    git(empty, 'init', '-q');
    const other = await caller.register(empty);
    await caller.patch(`/repositories/${other.id}`, { default_branch: 'trunk' }).expect(200);
  });

  it('of a HEAD that leads nowhere is one that is there', async () => {
    const path = source();
    git(path, 'checkout', '-q', '--orphan', 'unborn');
    git(path, 'branch', '-m', 'main', 'trunk');
    expect(await caller.register(path)).toMatchObject({ status: 'ready', default_branch: 'trunk' });
  });
});

describe('a source that cannot be mirrored says why, wherever it is asked for', () => {
  it.each<[string, string, () => string]>([
    [
      'with objects of SHA-256',
      'unsupported',
      () => {
        const path = scratch.directory(place());
        git(path, 'init', '-q', '--object-format=sha256');
        git(path, 'commit', '-q', '--allow-empty', '-m', 'one');
        return path;
      },
    ],
    [
      'with a history that is changed by grafts',
      'grafts',
      () => {
        const path = source(['feat: one', 'feat: two']);
        writeFileSync(join(path, '.git/info/grafts'), `${git(path, 'rev-parse', 'HEAD')}\n`);
        return path;
      },
    ],
    [
      'that is a partial clone',
      'incomplete',
      () => {
        const origin = source([]);
        writeFileSync(join(origin, 'a.txt'), 'a\n');
        git(origin, 'add', '--all');
        commit(origin, 'feat: one');
        git(origin, 'config', 'uploadpack.allowFilter', 'true');
        const path = scratch.directory(place());
        execFileSync('git', ['clone', '-q', '--no-checkout', '--filter=blob:none', `file://${origin}`, path], {
          env: GIT_ENVIRONMENT,
          stdio: 'ignore',
        });
        return path;
      },
    ],
  ])('%s', async (_, reason, make) => {
    const repository = await caller.register(make());
    expect(repository).toMatchObject({ status: 'error', last_synced_at: null });
    const paths = ['branches', 'commits', `commits/${'1'.repeat(40)}`, 'conflicts'];
    for (const path of paths) {
      const { body } = await caller.get(`/repositories/${repository.id}/${path}`).expect(409);
      expect(body).toMatchObject({ code: 'git/failed', reason, detail: repository.last_error });
    }
    expect(await codeOf(caller.post(`/repositories/${repository.id}/sync`))).toBe('409 git/failed');
  });
});

it('a repository on disk is the same by its work tree, its git directory and any linked work tree', async () => {
  const path = source();
  const linked = join(scratch.path, place());
  git(path, 'worktree', 'add', '-q', linked);
  const apart = scratch.directory(place());
  git(apart, 'init', '-q', `--separate-git-dir=${join(scratch.path, place())}`);
  const { id } = await caller.register(path);
  for (const other of [join(path, '.git'), linked, join(path, '.git/worktrees', linked.split('/').at(-1) ?? '')]) {
    const answer = await caller.post('/repositories', { local_path: other });
    expect([answer.status, (answer.body as { repository_id?: string }).repository_id]).toEqual([409, id]);
  }
  // Another organization may begin with a linked one, which is then the one that is fetched from.
  const another = await Caller.signIn(server);
  git(linked, 'checkout', '-q', '-b', 'of-the-linked-one');
  expect(await another.register(linked)).toMatchObject({
    local_path: linked,
    status: 'ready',
    default_branch: 'of-the-linked-one',
  });
  expect(await codeOf(another.post('/repositories', { local_path: path }))).toBe('409 repository/exists');
  expect(await caller.register(apart)).toMatchObject({ local_path: apart });
});

it('a repository that was registered by a linked work tree, when that was its key, is the same as by all others', async () => {
  const path = source();
  const linked = join(scratch.path, place());
  git(path, 'worktree', 'add', '-q', linked);
  const { id } = await caller.register(linked);
  const keyOf = async (one: string): Promise<string | undefined> =>
    (await server.sql.query<{ key: string }>('select source_key as key from repositories where id = $1', [one])).rows[0]
      ?.key;
  await server.sql.query('update repositories set source_key = $2 where id = $1', [id, `file:${linked}`]);
  await caller.post(`/repositories/${id}/sync`).expect(200);
  expect(await keyOf(id)).toBe(`file:${path}`);
  const again = await caller.post('/repositories', { local_path: path }).expect(409);
  expect(again.body).toMatchObject({ code: 'repository/exists', repository_id: id });
  // Where both are registered already, each stays what it is.
  await server.sql.query('update repositories set source_key = $2 where id = $1', [id, `file:${linked}`]);
  const { id: other } = await caller.register(path);
  await caller.post(`/repositories/${id}/sync`).expect(200);
  expect([await keyOf(id), await keyOf(other)]).toEqual([`file:${linked}`, `file:${path}`]);
});
