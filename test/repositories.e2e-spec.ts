import { existsSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '../src/ids.js';
import { RepositoriesService } from '../src/repositories/repositories.service.js';
import { Caller, type Repository } from './caller.js';
import { until } from './git-processes.js';
import { GitSite } from './git-site.js';
import { commit, git, type Scratch } from './scratch-git.js';
import { codeOf } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

let site: GitSite;
let server: TestApp;
let scratch: Scratch;

beforeAll(async () => {
  site = await GitSite.open();
  ({ server, scratch } = site);
});
afterAll(() => site.close());

const source = (messages?: readonly string[]): string => site.source(messages);

describe('registering a repository', () => {
  it('by path answers when it is ready, with its address', async () => {
    const caller = await Caller.signIn(server);
    const local_path = source();
    const answer = await caller.post('/repositories', { local_path }).expect(201);
    const repository = answer.body as Repository;
    expect(repository).toMatchObject({
      local_path,
      clone_url: null,
      full_name: null,
      default_branch: 'main',
      status: 'ready',
      last_error: null,
      last_synced_at: expect.stringMatching(/Z$/) as string,
    });
    expect(answer.headers['location']).toBe(`/api/v1/repositories/${repository.id}`);
    expect((await caller.get(`/repositories/${repository.id}`).expect(200)).body).toEqual(repository);
    expect(existsSync(site.mirrorOf(repository))).toBe(true);
  });

  it('by file URL is the same source, and answered as it was given', async () => {
    const caller = await Caller.signIn(server);
    const local_path = source();
    const clone_url = `file://${encodeURI(local_path)}`;
    const { body } = await caller.post('/repositories', { clone_url }).expect(201);
    expect(body).toMatchObject({ clone_url, local_path: null, status: 'ready' });
    expect(await codeOf(caller.post('/repositories', { local_path }))).toBe('409 repository/exists');
  });

  it('twice is refused with the id of the first; another organization may', async () => {
    const caller = await Caller.signIn(server);
    const local_path = source();
    const { id } = await caller.register(local_path);
    const again = await caller.post('/repositories', { local_path: `${local_path}/.` }).expect(409);
    expect(again.body).toMatchObject({ code: 'repository/exists', repository_id: id });
    expect((await (await Caller.signIn(server)).register(local_path)).id).not.toBe(id);
  });

  it('of two requests at once one wins', async () => {
    const caller = await Caller.signIn(server);
    const local_path = source();
    const answers = await Promise.all([1, 2, 3, 4].map(() => caller.post('/repositories', { local_path })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  });

  it('that is empty is ready and has no log', async () => {
    const caller = await Caller.signIn(server);
    const path = scratch.directory(site.place());
    git(path, 'init', '-q');
    const repository = await caller.register(path);
    expect(repository).toMatchObject({ status: 'ready', default_branch: 'main' });
    expect(await caller.logs(`repository_id=${repository.id}`)).toEqual({ items: [], next_cursor: null, unread: [] });
  });

  it('by an address that does not answer is accepted, and its status says why it has no mirror', async () => {
    const caller = await Caller.signIn(server);
    const { body } = await caller
      .post('/repositories', { clone_url: 'https://no.such.host.invalid/x.git' })
      .expect(201);
    const { id } = body as Repository;
    let seen = body as Repository;
    await until(async () => {
      seen = (await caller.get(`/repositories/${id}`)).body as Repository;
      return seen.status === 'error';
    });
    expect(seen.last_error).toBe('The host of the repository cannot be reached.');
    expect(await codeOf(caller.get(`/logs?repository_id=${id}`))).toBe('503 git/failed');
  });

  it.each([
    [{}, 'exactly one'],
    [{ full_name: 'a/b', clone_url: 'https://a.example/b' }, 'exactly one'],
    [{ clone_url: 'https://me:hunter2@a.example/b' }, 'credentials'],
    [{ clone_url: 'http://a.example/b' }, 'https://'],
    [{ clone_url: 'https://127.0.0.1/b' }, 'private'],
    [{ clone_url: 'https://localhost/b' }, 'private'],
    [{ clone_url: 'git@169.254.169.254:b' }, 'private'],
    [{ clone_url: 'file:///etc' }, 'LOCAL_REPOSITORY_ROOTS'],
    [{ local_path: '/etc' }, 'LOCAL_REPOSITORY_ROOTS'],
    [{ local_path: '../etc' }, 'absolute'],
    [{ local_path: '/nowhere/at/all' }, 'LOCAL_REPOSITORY_ROOTS'],
    [{ full_name: 'no-slash' }, 'owner/name'],
    [{ full_name: '../..' }, 'owner/name'],
    [{ full_name: 'a/..' }, 'owner/name'],
    [{ full_name: 'a/b.git' }, 'without .git'],
    [{ clone_url: 'https://a.example/\nb' }, 'must be a URL'],
    [{ full_name: 'a/b', default_branch: '--upload-pack=x' }, 'branch name'],
    [{ full_name: 'a/b', default_branch: 'task/mine' }, 'branch name'],
    [{ full_name: null }, 'full_name'],
    [{ full_name: 'a/b', secret: 1 }, 'not a known field'],
  ])('is refused for %j', async (body, words) => {
    const caller = await Caller.signIn(server);
    const answer = await caller.post('/repositories', body).expect(400);
    expect(JSON.stringify(answer.body)).toContain(words);
    expect(JSON.stringify(answer.body)).not.toContain('hunter2');
  });
});

describe('a registered repository', () => {
  it('of another organization is not there', async () => {
    const { id } = await (await Caller.signIn(server)).register(source());
    const stranger = await Caller.signIn(server);
    for (const known of [id, newId()]) {
      expect(await codeOf(stranger.get(`/repositories/${known}`))).toBe('404 repository/not-found');
      expect(await codeOf(stranger.patch(`/repositories/${known}`, { default_branch: 'mine' }))).toBe(
        '404 repository/not-found',
      );
      expect(await codeOf(stranger.post(`/repositories/${known}/sync`))).toBe('404 repository/not-found');
      expect(await codeOf(stranger.delete(`/repositories/${known}`))).toBe('404 repository/not-found');
      expect(await codeOf(stranger.get(`/logs?repository_id=${known}`))).toBe('404 repository/not-found');
    }
    expect((await stranger.get('/repositories').expect(200)).body).toEqual({ items: [], next_cursor: null });
  });

  it('is listed newest first, page by page', async () => {
    const caller = await Caller.signIn(server);
    const ids: string[] = [];
    for (let at = 0; at < 3; at++) ids.unshift((await caller.register(source())).id);
    const first = await caller.repositories('limit=2');
    const second = await caller.repositories(`limit=2&cursor=${first.next_cursor ?? ''}`);
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids);
    expect(second.next_cursor).toBeNull();
  });

  it('is changed by the fields given, and cleared by null', async () => {
    const caller = await Caller.signIn(server);
    const local_path = source();
    git(local_path, 'branch', 'trunk');
    const { id } = await caller.register(local_path);
    const path = `/repositories/${id}`;
    const set = { default_agent_type: 'review', default_branch: 'trunk', auto_pr: true };
    expect((await caller.patch(path, set).expect(200)).body).toMatchObject(set);
    const cleared = { default_agent_type: null };
    expect((await caller.patch(path, cleared).expect(200)).body).toMatchObject({ ...set, ...cleared });
    expect((await caller.patch(path, {}).expect(200)).body).toMatchObject({ ...set, ...cleared });
    for (const wrong of [
      { default_branch: 7 },
      { default_agent_type: 7 },
      { auto_pr: null },
      { auto_pr: 'yes' },
      { has_credentials: true },
      { credentials: null },
      { default_branch_chosen: false },
      { id: newId() },
    ]) {
      await caller.patch(path, wrong).expect(400);
    }
  });

  it('is deleted with its mirror', async () => {
    const caller = await Caller.signIn(server);
    const repository = await caller.register(source());
    await caller.delete(`/repositories/${repository.id}`).expect(204);
    expect(await codeOf(caller.get(`/repositories/${repository.id}`))).toBe('404 repository/not-found');
    await until(() => readdirSync(join(scratch.path, 'mirrors')).every((name) => !name.includes(repository.id)));
  });

  it('is fetched on demand, and tells when that fails', async () => {
    const caller = await Caller.signIn(server);
    const path = source();
    const { id } = await caller.register(path);
    commit(path, 'feat: later');
    const synced = (await caller.post(`/repositories/${id}/sync`).expect(200)).body as Repository;
    expect(synced.status).toBe('ready');
    renameSync(path, `${path}-moved`);
    expect(await codeOf(caller.post(`/repositories/${id}/sync`))).toBe('409 git/failed');
    const failed = (await caller.get(`/repositories/${id}`).expect(200)).body as Repository;
    expect(failed).toMatchObject({
      status: 'error',
      last_error: expect.stringMatching(/^There is no Git repository/) as string,
    });
    // What was fetched before is still served.
    expect(await caller.messages(`repository_id=${id}`)).toContain('feat: later');
    renameSync(`${path}-moved`, path);
    expect((await caller.post(`/repositories/${id}/sync`).expect(200)).body).toMatchObject({
      status: 'ready',
      last_error: null,
    });
  });

  it('is named to claims by the address of its mirror', async () => {
    const { id } = await (await Caller.signIn(server)).register(source());
    const [known, ...rest] = await server.app.get(RepositoriesService).forClaim([id, newId()]);
    expect(known).toEqual({ id, full_name: null, default_branch: 'main', clone_url: `${server.url}/git/${id}.git` });
    expect(rest).toEqual([]);
  });
});

it('finds the development repository registered for the first organization alone', async () => {
  const scratchServer = await startTestApp({
    GIT_ROOT: scratch.directory('other-mirrors'),
    LOCAL_REPOSITORY_ROOTS: join(scratch.path, 'roots'),
    DEVELOPMENT_REPOSITORY: scratch.repository('roots/development'),
  });
  try {
    const listed = async () => (await Caller.signIn(scratchServer)).repositories();
    expect((await listed()).items).toMatchObject([
      { local_path: join(scratch.path, 'roots/development'), status: 'ready' },
    ]);
    expect((await listed()).items).toEqual([]);
  } finally {
    await scratchServer.close();
  }
});

it('answers 503 where there is no place for mirrors', async () => {
  const elsewhere = await startTestApp({ LOCAL_REPOSITORY_ROOTS: join(scratch.path, 'roots') });
  try {
    const register = (await Caller.signIn(elsewhere)).post('/repositories', { local_path: source() });
    expect(await codeOf(register)).toBe('503 git/not-here');
  } finally {
    await elsewhere.close();
  }
});
