import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { Caller } from './caller.js';
import { annotate, DeploymentCaller } from './deployment-caller.js';
import { DeploymentSite, NEW_YEAR } from './deployment-site.js';
import { commit, git } from './scratch-git.js';
import { codeOf } from './sign-in.js';
import { type TestApp } from './test-app.js';

let site: DeploymentSite;
let server: TestApp;
let caller: Caller;
let own: DeploymentCaller;
let source: string;

beforeAll(async () => {
  site = await DeploymentSite.open();
  ({ server } = site);
});
beforeEach(async () => {
  ({ caller, own, source } = await site.next());
});
afterAll(() => site.close());

const head = (): string => git(source, 'rev-parse', 'HEAD');
const told = async (): Promise<string[]> => {
  const { body } = await caller.get('/events?limit=100').expect(200);
  const { items } = body as { items: { type: string; data: Record<string, string> }[] };
  return items
    .filter(({ type }) => type.startsWith('deployment.'))
    .map(
      ({ type, data }) => `${type} ${String(data['version'])} ${String(data['environment'])} ${String(data['status'])}`,
    );
};

describe('a tag that nobody has recorded', () => {
  it('is listed as what it tells of itself, newest first, and nothing is made up', async () => {
    const first = head();
    git(source, 'tag', 'v1.0.0');
    commit(source, 'feat: second', NEW_YEAR + 10);
    annotate(source, 'v1.1.0-rc.1', 'HEAD', NEW_YEAR + 100);
    const { items, next_cursor } = await own.page();
    expect(next_cursor).toBeNull();
    expect(
      items.map(({ version, commit_sha, deployed_by, released_at }) => [version, commit_sha, deployed_by, released_at]),
    ).toEqual([
      ['v1.1.0-rc.1', head(), 'Ada Lovelace', '2026-01-01T00:01:40.000Z'],
      ['v1.0.0', first, null, '2026-01-01T00:00:00.000Z'],
    ]);
    expect(items[0]).toMatchObject({
      repository_id: own.repository_id,
      environment: 'staging',
      status: 'recorded',
      source: 'tag',
      actor: null,
      pull_request_number: null,
      notes: null,
      updated_at: null,
      started_at: null,
      completed_at: null,
      rolled_back_at: null,
    });
    expect(items[1]).toMatchObject({ environment: 'production', created_at: '2026-01-01T00:00:00.000Z' });
    expect(await own.status()).toEqual([]);
  });

  it('has an id that stays, by which it is found, and which no stranger knows', async () => {
    git(source, 'tag', 'v1');
    const [tag] = (await own.page()).items;
    const id = tag?.id ?? '';
    expect((await own.page()).items).toEqual([tag]);
    expect((await caller.get(`/deployments/${id}`).expect(200)).body).toEqual(tag);
    const stranger = await Caller.signIn(server);
    expect(await codeOf(stranger.get(`/deployments/${id}`))).toBe('404 deployment/not-found');
    expect(await codeOf(stranger.patch(`/deployments/${id}`, { notes: 'mine' }))).toBe('404 deployment/not-found');
    expect(await codeOf(caller.get(`/deployments/${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`))).toBe(
      '404 deployment/not-found',
    );
    // A tag that is moved is another version of the same name.
    commit(source, 'feat: more');
    git(source, 'tag', '-f', 'v1');
    expect(await codeOf(caller.get(`/deployments/${id}`))).toBe('404 deployment/not-found');
  });

  it('is recorded by the first change, under the id it had', async () => {
    git(source, 'tag', 'v1');
    const id = (await own.page()).items[0]?.id ?? '';
    expect(await own.changed(id, {})).toMatchObject({ source: 'tag' });
    const changed = await own.changed(id, { environment: 'canary', status: 'in_progress', notes: 'carefully' });
    expect(changed).toMatchObject({
      id,
      source: 'api',
      environment: 'canary',
      status: 'in_progress',
      notes: 'carefully',
    });
    expect(changed.started_at).not.toBeNull();
    expect((await own.page()).items).toEqual([changed]);
    expect(await told()).toEqual([
      'deployment.recorded v1 production recorded',
      'deployment.promoted v1 canary in_progress',
      'deployment.started v1 canary in_progress',
    ]);
  });

  it('is recorded once when it is changed by several at once', async () => {
    git(source, 'tag', 'v1');
    const id = (await own.page()).items[0]?.id ?? '';
    const answers = await Promise.all([1, 2, 3, 4].map((n) => own.change(id, { pull_request_number: n })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await own.all()).toHaveLength(1);
    expect((await told()).filter((line) => line.startsWith('deployment.recorded'))).toHaveLength(1);
  });
});

describe('recording a deployment', () => {
  it('of a tag wins over the tag, and has its id', async () => {
    git(source, 'tag', 'v1');
    const tag = (await own.page()).items[0];
    const recorded = await own.recorded({
      version: 'v1',
      environment: 'staging',
      status: 'success',
      pull_request_number: 7,
    });
    expect(recorded).toMatchObject({
      id: tag?.id,
      version: 'v1',
      commit_sha: head(),
      environment: 'staging',
      status: 'success',
      source: 'api',
      pull_request_number: 7,
      released_at: tag?.released_at,
      started_at: null,
    });
    expect(recorded.completed_at).not.toBeNull();
    expect(recorded.deployed_by).toMatch(/^user/);
    expect(recorded.actor).toMatchObject({ type: 'user', login: recorded.deployed_by });
    expect((await own.page()).items).toEqual([recorded]);
    expect((await caller.get(`/deployments/${recorded.id}`).expect(200)).body).toEqual(recorded);
    expect(await told()).toEqual([
      'deployment.recorded v1 staging recorded',
      'deployment.succeeded v1 staging success',
    ]);
  });

  it('of the same version may be done again and again, once for each time', async () => {
    git(source, 'tag', 'v1');
    const ids = new Set<string>();
    for (const environment of ['staging', 'production', 'production'])
      ids.add((await own.recorded({ version: 'v1', environment })).id);
    expect(ids.size).toBe(3);
    expect((await own.page()).items.map(({ environment }) => environment).sort()).toEqual([
      'production',
      'production',
      'staging',
    ]);
  });

  it('of a commit takes its whole id, and nothing else that git would take for one', async () => {
    const sha = head();
    expect(await own.recorded({ version: sha })).toMatchObject({
      version: sha,
      commit_sha: sha,
      environment: 'production',
    });
    git(source, 'branch', 'next');
    const tree = git(source, 'rev-parse', 'HEAD^{tree}');
    for (const version of [
      'main',
      'next',
      'HEAD',
      sha.slice(0, 12),
      `${sha}^`,
      'refs/heads/main',
      '@',
      tree,
      'a'.repeat(40),
    ])
      expect([version, await codeOf(own.record({ version }))]).toEqual([version, '404 deployment/version-not-found']);
  });

  it('of a tag that was moved since is a fact of its commit', async () => {
    git(source, 'tag', 'v1');
    const before = await own.recorded({ version: 'v1', status: 'success' });
    commit(source, 'feat: more', NEW_YEAR + 50);
    git(source, 'tag', '-f', 'v1');
    const items = (await own.page()).items;
    expect(items.map(({ version, commit_sha, status }) => [version, commit_sha, status])).toEqual([
      ['v1', head(), 'recorded'],
      ['v1', before.commit_sha, 'success'],
    ]);
  });

  it('is done once for an Idempotency-Key', async () => {
    git(source, 'tag', 'v1');
    const ask = () => own.record({ version: 'v1' }).set('Idempotency-Key', 'once');
    const first = await ask().expect(201);
    const again = await ask().expect(201);
    expect(again.body).toEqual(first.body);
    expect(await own.all()).toHaveLength(1);
  });

  it.each([
    [{ version: 'v1', environment: 'Production' }, 'environment'],
    [{ version: 'v1', environment: '-x' }, 'environment'],
    [{ version: 'v1', status: 'rolled_back' }, 'status'],
    [{ version: 'v1', status: 'deployed' }, 'status'],
    [{ version: 'v1', pull_request_number: 0 }, 'pull_request_number'],
    [{ version: 'two words' }, 'version'],
    [{ version: '' }, 'version'],
    [{}, 'version'],
    [{ version: 'v1', notes: null }, 'notes'],
    [{ version: 'v1', commit_sha: 'a'.repeat(40) }, 'commit_sha'],
  ])('is refused for %j', async (body, field) => {
    const answer = await own.record(body).expect(400);
    expect(JSON.stringify(answer.body)).toContain(field);
  });

  it('in a repository of others, or of nobody, is not there', async () => {
    const stranger = new DeploymentCaller(await Caller.signIn(server), own.repository_id);
    expect(await codeOf(stranger.record({ version: head() }))).toBe('404 repository/not-found');
    expect(await codeOf(new DeploymentCaller(caller, newId()).record({ version: head() }))).toBe(
      '404 repository/not-found',
    );
  });
});

describe('a deployment under way', () => {
  it('moves step by step, each told of once, with the times of what was told', async () => {
    git(source, 'tag', 'v1');
    const { id } = await own.recorded({ version: 'v1' });
    const begun = await own.changed(id, { status: 'in_progress' });
    expect([begun.started_at !== null, begun.completed_at]).toEqual([true, null]);
    const failed = await own.changed(id, { status: 'failed', notes: 'out of memory' });
    expect([failed.started_at, failed.completed_at !== null]).toEqual([begun.started_at, true]);
    expect((await own.changed(id, { status: 'in_progress' })).completed_at).toBeNull();
    await own.changed(id, { status: 'success' });
    await own.changed(id, { status: 'success' });
    const back = await own.changed(id, { status: 'rolled_back' });
    expect(back.rolled_back_at).not.toBeNull();
    expect(await told()).toEqual(
      ['recorded', 'started', 'failed', 'started', 'succeeded', 'rolled_back'].map(
        (what, at) =>
          `deployment.${what} v1 production ${['recorded', 'in_progress', 'failed', 'in_progress', 'success', 'rolled_back'][at] ?? ''}`,
      ),
    );
    const refused = await own.change(id, { status: 'in_progress' }).expect(409);
    expect(refused.body).toMatchObject({
      code: 'deployment/not-movable',
      from: 'rolled_back',
      to: 'in_progress',
      allowed: [],
    });
  });

  it('ends as one of two says that end it at once', async () => {
    const { id } = await own.recorded({ version: head(), status: 'in_progress' });
    const answers = await Promise.all(['success', 'failed'].map((status) => own.change(id, { status })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  });
});
