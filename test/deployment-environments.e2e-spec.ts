import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Caller } from './caller.js';
import type { DeploymentCaller } from './deployment-caller.js';
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

describe('what is where', () => {
  it('is the last success that was not rolled back, and what is under way', async () => {
    for (const [at, tag] of ['v1', 'v2', 'v3'].entries()) {
      commit(source, tag, NEW_YEAR + at);
      git(source, 'tag', tag);
    }
    await own.recorded({ version: 'v1', status: 'success' });
    const second = await own.recorded({ version: 'v2', status: 'success' });
    await own.recorded({ version: 'v3', status: 'in_progress' });
    await own.recorded({ version: 'v3', environment: 'staging', status: 'failed' });
    expect(await own.places()).toEqual(['production: v2 (v3)', 'staging: nothing']);
    await own.changed(second.id, { status: 'rolled_back' });
    expect(await own.places()).toEqual(['production: v1 (v3)', 'staging: nothing']);
    const [production] = await own.status();
    expect(production?.current).toMatchObject({ version: 'v1', started_at: null });
    expect(production?.current?.completed_at).toMatch(/Z$/);
  });

  it('stays at an environment that a deployment was promoted from', async () => {
    git(source, 'tag', 'v1-rc.1');
    const { id } = await own.recorded({ version: 'v1-rc.1', status: 'success' });
    expect(await own.places()).toEqual(['staging: v1-rc.1']);
    const promoted = await own.changed(id, { environment: 'production' });
    expect(promoted).toMatchObject({ id, environment: 'production', status: 'recorded', completed_at: null });
    expect(await own.places()).toEqual(['production: nothing', 'staging: v1-rc.1']);
    expect(await codeOf(own.change(id, { status: 'in_progress', environment: 'production' }))).toBe('200');
    const early = await own.change(id, { environment: 'elsewhere' }).expect(409);
    expect(early.body).toMatchObject({ code: 'deployment/not-promotable', from: 'in_progress' });
    await own.changed(id, { status: 'success' });
    await own.changed(id, { status: 'rolled_back' });
    expect(await own.places()).toEqual(['production: nothing', 'staging: v1-rc.1']);
  });

  it('is the same wherever one looks, and can be rolled back there, whatever becomes of a promotion', async () => {
    git(source, 'tag', 'v1');
    await own.recorded({ version: 'v1', environment: 'staging', status: 'success', notes: 'carefully' });
    const [before] = (await own.page('environment=staging')).items;
    const id = before?.id ?? '';
    const promoted = await own.changed(id, { environment: 'production' });
    for (const status of ['in_progress', 'failed', 'rolled_back']) await own.changed(id, { status });
    const [stayed, ...more] = (await own.page('environment=staging')).items;
    expect(more).toEqual([]);
    const stays = { environment: 'staging', status: 'success', notes: 'carefully', promoted_from: null };
    expect(stayed).toMatchObject({ ...stays, completed_at: before?.completed_at, created_at: before?.created_at });
    expect(promoted.promoted_from).toBe(stayed?.id);
    const found = (await caller.get(`/deployments/${id}`).expect(200)).body as unknown;
    expect(found).toMatchObject({ environment: 'production', status: 'rolled_back', promoted_from: stayed?.id });
    expect((await own.page('environment=production')).items).toEqual([found]);
    expect((await caller.get(`/deployments/${stayed?.id ?? ''}`).expect(200)).body).toEqual(stayed);
    const staging = (await own.status()).find(({ environment }) => environment === 'staging');
    expect(staging?.current).toMatchObject({ id: stayed?.id, version: 'v1' });
    const events = (await caller.get('/events?types=deployment.promoted').expect(200)).body as { items: object[] };
    expect(events.items).toMatchObject([{ data: { before: 'staging', left: stayed?.id, environment: 'production' } }]);
    await own.changed(stayed?.id ?? '', { status: 'rolled_back' });
    expect(await own.places()).toEqual(['production: nothing', 'staging: nothing']);
  });

  it('leads from each environment to the one before, however far a version has come', async () => {
    git(source, 'tag', 'v1');
    const { id } = await own.recorded({ version: 'v1', environment: 'staging', status: 'success' });
    await own.changed(id, { environment: 'canary', status: 'success' });
    await own.changed(id, { environment: 'production', status: 'success' });
    const all = new Map((await own.all()).map((one) => [one.id, one]));
    const way = [];
    for (let at = all.get(id); at !== undefined; at = all.get(at.promoted_from ?? '')) way.push(at.environment);
    expect(way).toEqual(['production', 'canary', 'staging']);
    expect(all.size).toBe(3);
    // What had not succeeded is nowhere but where it goes on to.
    const next = await own.recorded({ version: 'v1', environment: 'staging' });
    expect(await own.changed(next.id, { environment: 'production' })).toMatchObject({ promoted_from: null });
    expect(await own.all()).toHaveLength(4);
  });

  it('leads nowhere from an environment that a version has come to from one where it never was', async () => {
    git(source, 'tag', 'v1');
    const { id } = await own.recorded({ version: 'v1', environment: 'staging', status: 'success' });
    const canary = await own.changed(id, { environment: 'canary' });
    expect(canary.promoted_from).not.toBeNull();
    expect(await own.changed(id, { notes: 'not yet' })).toMatchObject({ promoted_from: canary.promoted_from });
    const production = { environment: 'production', status: 'success' };
    expect(await own.changed(id, production)).toMatchObject({ ...production, promoted_from: null });
    expect(await own.places()).toEqual(['canary: nothing', 'production: v1', 'staging: v1']);
  });

  it('is told of page by page, and to its own organization alone', async () => {
    for (const environment of ['a', 'b', 'c']) await own.recorded({ version: head(), environment });
    const first = (await caller.get('/deployments/status?limit=2').expect(200)).body as {
      items: object[];
      next_cursor: string;
    };
    const second = (await caller.get(`/deployments/status?limit=2&cursor=${first.next_cursor}`).expect(200))
      .body as typeof first;
    expect([first.items.length, second.items.length, second.next_cursor]).toEqual([2, 1, null]);
    const stranger = await Caller.signIn(server);
    expect((await stranger.get('/deployments/status').expect(200)).body).toEqual({ items: [], next_cursor: null });
    expect(await codeOf(stranger.get(`/deployments/status?repository_id=${own.repository_id}`))).toBe(
      '404 repository/not-found',
    );
    expect(await codeOf(caller.get('/deployments/status?cursor=WyJhIl0'))).toBe('400 request/invalid');
  });
});
