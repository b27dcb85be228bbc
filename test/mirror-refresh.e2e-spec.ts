import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DutiesService } from '../src/duties/duties.service.js';
import { MirrorRefreshDuty } from '../src/repositories/mirror-refresh.duty.js';
import { Caller, type Repository } from './caller.js';
import { eventually } from './eventually.js';
import { GitSite } from './git-site.js';
import { commit, git } from './scratch-git.js';
import type { TestApp } from './test-app.js';

let site: GitSite;
let server: TestApp;
let caller: Caller;
const PERIOD = 1000;

beforeAll(async () => {
  site = await GitSite.open({
    MIRROR_REFRESH_SECONDS: String(PERIOD),
    PRIVATE_CLONE_ADDRESSES: 'on',
  });
  server = site.server;
  caller = await Caller.signIn(server);
});
afterAll(() => site.close());

const runDuty = () => server.app.get(DutiesService).runOnce(server.app.get(MirrorRefreshDuty, { strict: false }));
const makeDue = (id: string) => server.sql.query('update repositories set refresh_at = now() where id = $1', [id]);

async function secondsLeft(id: string): Promise<number> {
  const { rows } = await server.sql.query<{ left: number }>(
    'select extract(epoch from refresh_at - now())::float8 as left from repositories where id = $1',
    [id],
  );
  return rows[0]?.left ?? 0;
}

it('fetches what is due without being asked, and is due again a period later, give or take a tenth', async () => {
  const sources = [0, 1, 2, 3, 4, 5].map((n) => site.scratch.repository(`roots/source-${String(n)}`));
  const repositories = await Promise.all(sources.map((source) => caller.register(source)));
  // What is registered together is not fetched together for ever.
  const first = await Promise.all(repositories.map(({ id }) => secondsLeft(id)));
  for (const seconds of first) expect(seconds).toBeLessThanOrEqual(PERIOD);
  expect(Math.max(...first) - Math.min(...first)).toBeGreaterThan(PERIOD / 1000);
  const last = repositories.at(-1)?.id ?? '';
  const heads = sources.map((source) => commit(source, 'feat: later'));
  for (const { id } of repositories.slice(0, -1)) await makeDue(id);
  const mirrored = (id: string) => git(site.mirrorOf({ id }), 'rev-parse', 'main');
  await eventually('the mirrors are fresh', async () => {
    await runDuty();
    return repositories.slice(0, -1).every(({ id }, at) => mirrored(id) === heads[at]);
  });
  // One that is not due is left alone.
  expect(mirrored(last)).not.toBe(heads.at(-1));
  const left = await Promise.all(repositories.slice(0, -1).map(({ id }) => secondsLeft(id)));
  for (const seconds of left) {
    expect(seconds).toBeGreaterThan(0.9 * PERIOD - 120);
    expect(seconds).toBeLessThanOrEqual(1.1 * PERIOD);
  }
  // Jitter: they will not come together again.
  expect(new Set(left.map((seconds) => Math.round(seconds * 100))).size).toBeGreaterThan(1);
});

it('tells in the status of a repository why it could not be fetched, tries that less often, and goes on', async () => {
  const source = site.scratch.repository('roots/moving');
  const { id } = await caller.register(source);
  const state = async () => (await caller.get(`/repositories/${id}`).expect(200)).body as Repository;
  renameSync(source, `${source}-away`);
  await makeDue(id);
  await eventually('the failure is told', async () => {
    await runDuty();
    return (await state()).status === 'error';
  });
  expect((await state()).last_error).toMatch(/^There is no Git repository/);
  await makeDue(id);
  await eventually('it is tried less often', async () => {
    await runDuty();
    return (await secondsLeft(id)) > 3 * PERIOD;
  });
  renameSync(`${source}-away`, source);
  await makeDue(id);
  await eventually('it is ready again', async () => {
    await runDuty();
    return (await state()).status === 'ready';
  });
  expect((await state()).last_error).toBeNull();
});

/** A host that does with each connection what it is told to; until the work is done. */
async function withHost<T>(meet: (socket: Socket) => void, work: (clone_url: string) => Promise<T>): Promise<T> {
  const host = createServer(meet).listen(0, '127.0.0.1');
  await once(host, 'listening');
  try {
    return await work(`https://127.0.0.1:${String((host.address() as AddressInfo).port)}/x.git`);
  } finally {
    host.close();
  }
}

it('lets no source that says nothing hold up the others', async () => {
  const silent = new Set<Socket>();
  const hold = (socket: Socket): void => void silent.add(socket.on('error', () => undefined));
  await withHost(hold, async (clone_url) => {
    const { body } = await caller.post('/repositories', { clone_url }).expect(201);
    await eventually('it is spoken to', () => Promise.resolve(silent.size > 0));
    await makeDue((body as Repository).id);
    await eventually('it is taken', async () => {
      await runDuty();
      return (await secondsLeft((body as Repository).id)) > 0;
    });
    const source = site.scratch.repository('roots/beside');
    const { id } = await caller.register(source);
    for (const message of ['feat: two', 'feat: three']) {
      const head = commit(source, message);
      await makeDue(id);
      await eventually('the other is fresh', async () => {
        await runDuty();
        return git(site.mirrorOf({ id }), 'rev-parse', 'main') === head;
      });
    }
    for (const socket of silent) socket.destroy();
  });
});

it('leaves a source that fails alone for a while, whoever looks, and says what it failed with', async () => {
  let met = 0;
  const refuse = (socket: Socket): void => {
    met += 1;
    socket.on('error', () => undefined).destroy();
  };
  await withHost(refuse, async (clone_url) => {
    const { body } = await caller.post('/repositories', { clone_url }).expect(201);
    const { id } = body as Repository;
    let last_error: string | null = null;
    await eventually('it has failed', async () => {
      ({ last_error } = (await caller.get(`/repositories/${id}`)).body as Repository);
      return last_error !== null;
    });
    const before = met;
    for (const path of ['commits', 'branches', `commits/${'1'.repeat(40)}`, 'commits', 'branches'])
      expect((await caller.get(`/repositories/${id}/${path}`).expect(503)).body).toMatchObject({
        code: 'git/failed',
        detail: last_error,
      });
    expect(met).toBe(before);
    // Somebody who asks for it in so many words is not made to wait.
    await caller.post(`/repositories/${id}/sync`);
    expect(met).toBeGreaterThan(before);
  });
});

it('tells in an event, and for good, which branches of executions a damaged mirror had, and which of them are lost', async () => {
  const source = site.scratch.repository('roots/damaged');
  const { id, mirror_rebuilt_at, lost_branches } = await caller.register(source);
  expect([mirror_rebuilt_at, lost_branches]).toEqual([null, []]);
  const mirror = site.mirrorOf({ id });
  const pushed = git(source, 'commit-tree', '-m', 'work of an agent', 'HEAD^{tree}');
  for (const branch of ['task/kept-a1', 'task/lost-a1'])
    git(source, 'push', '-q', mirror, `${pushed}:refs/heads/${branch}`);
  writeFileSync(join(mirror, 'refs/heads/task/lost-a1'), 'torn');
  interface Rebuilt {
    actor: { type: string };
    subject: object;
    data: object;
  }
  const told = async (): Promise<Rebuilt[]> => {
    const { body } = await caller.get('/events?types=repository.mirror_rebuilt').expect(200);
    return (body as { items: Rebuilt[] }).items;
  };
  await eventually('the rebuilt mirror is told of', async () => {
    await caller.post(`/repositories/${id}/sync`);
    return (await told()).length > 0;
  });
  expect(await told()).toMatchObject([
    {
      actor: { type: 'system' },
      subject: { repository_id: id },
      data: { saved: 1, saved_branches: ['task/kept-a1'], lost: 1, lost_branches: ['task/lost-a1'] },
    },
  ]);
  const known = (await caller.get(`/repositories/${id}`).expect(200)).body as Repository;
  expect([known.mirror_rebuilt_at?.slice(-1), known.lost_branches]).toEqual(['Z', ['task/lost-a1']]);
  // The news of one organization.
  const stranger = await Caller.signIn(server);
  expect((await stranger.get('/events?types=repository.mirror_rebuilt').expect(200)).body).toMatchObject({ items: [] });
});
