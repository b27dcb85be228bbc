import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Engine } from './engine.js';
import { eventually } from './eventually.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { GitSite } from './git-site.js';
import { loseObject } from './lost-objects.js';
import { commit, git } from './scratch-git.js';
import { codeOf } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

let site: GitSite;
let server: TestApp;
let ada: TestPerson;
let worker: TestWorker;
let source: string;
let id: string;

beforeAll(async () => {
  site = await GitSite.open();
  server = site.server;
  worker = await registerWorker(server);
});
beforeEach(async () => {
  ada = await signInPerson(server);
  source = site.source();
  id = String((await ada.post('/repositories', { local_path: source })).body['id']);
});
afterAll(() => site.close());

const remove = (query = '') =>
  server.request.delete(`/api/v1/repositories/${id}${query}`).set('Authorization', `Bearer ${ada.token}`);
const isGone = () =>
  eventually('its mirror is gone', () =>
    Promise.resolve(readdirSync(join(site.scratch.path, 'mirrors')).every((name) => !name.includes(id))),
  );
const push = (branch: string) => {
  const mirror = site.mirrorOf({ id });
  git(source, 'push', '-q', mirror, `HEAD:refs/heads/${branch}`);
};

describe('a repository', () => {
  it('with nothing to lose goes with its mirror, also with branches that were merged', async () => {
    push('task/merged-a1');
    await remove().expect(204);
    await remove().expect(404);
    await isGone();
  });

  it('names branches that were pushed and not merged, and goes when somebody insists', async () => {
    git(source, 'checkout', '-q', '-b', 'work');
    commit(source, 'feat: work of an agent');
    push('task/unmerged-a1');
    push('task/unmerged-a2');
    git(source, 'checkout', '-q', 'main');
    const { body } = await remove().expect(409);
    expect(body).toMatchObject({
      code: 'repository/in-use',
      running_tasks: 0,
      unmerged_branches: ['task/unmerged-a1', 'task/unmerged-a2'],
    });
    expect((body as { detail: string }).detail).toContain('2 branches');
    await remove('?force=false').expect(409);
    await remove('?force=yes').expect(400);
    await remove('?force=true').expect(204);
    await isGone();
  });

  it('names what only a damaged mirror has of it, which was kept aside', async () => {
    // No branch of the source has it.
    const lost = git(source, 'commit-tree', '-m', 'feat: work of an agent', 'HEAD^{tree}');
    const mirror = site.mirrorOf({ id });
    git(source, 'push', '-q', mirror, `${lost}:refs/heads/task/lost-a1`);
    loseObject(mirror, lost);
    await ada.get(`/repositories/${id}/branches`);
    expect(git(mirror, 'for-each-ref', '--format=%(refname)', 'refs/heads')).toBe('refs/heads/main');
    expect((await remove().expect(409)).body).toMatchObject({ unmerged_branches: ['task/lost-a1'] });
    await remove('?force=true').expect(204);
    await isGone();
  });

  it('is not deleted, forced or not, by a process that cannot see what would be lost', async () => {
    git(source, 'checkout', '-q', '-b', 'work');
    commit(source, 'feat: work of an agent');
    push('task/unmerged-a1');
    const elsewhere = await startTestApp({}, server);
    try {
      const removeElsewhere = (path: string) =>
        elsewhere.request.delete(`/api/v1/repositories/${path}`).set('Authorization', `Bearer ${ada.token}`);
      for (const query of ['', '?force=true'])
        expect(await codeOf(removeElsewhere(`${id}${query}`))).toBe('503 git/not-here');
      expect((await remove().expect(409)).body).toMatchObject({ unmerged_branches: ['task/unmerged-a1'] });
      // What was never fetched has nothing to lose.
      const { body } = await elsewhere.request
        .post('/api/v1/repositories')
        .set('Authorization', `Bearer ${ada.token}`)
        .send({ clone_url: 'https://example.com/team/project.git' })
        .expect(201);
      await removeElsewhere((body as { id: string }).id).expect(204);
    } finally {
      await elsewhere.close();
    }
  });

  it('names its tasks; insisted upon, ends those that run and goes when they have', async () => {
    const engine = new Engine(server, ada);
    const task = async (name: string, more: object = {}) =>
      String((await ada.post('/tasks', { name, repository_id: id, agent_type: 'note', ...more })).body['id']);
    const running = await task('runs');
    const execution = await engine.claim(worker, running);
    const waiting = await task('waits', { run_at: '2999-01-01T00:00:00Z' });
    await task('waits for it', { depends_on: [waiting] });
    const ended = await task('ended', { run_at: '2999-01-01T00:00:00Z' });
    await ada.post(`/tasks/${ended}/cancel`, {});
    expect((await remove().expect(409)).body).toMatchObject({ running_tasks: 1, waiting_tasks: 2, ended_tasks: 1 });
    // Nothing has changed by that.
    expect((await ada.get(`/tasks/${waiting}`)).body).toMatchObject({ status: 'pending' });
    expect((await remove('?force=true').expect(409)).body).toMatchObject({
      running_tasks: 1,
      waiting_tasks: 0,
      ended_tasks: 0,
    });
    expect((await ada.get(`/tasks/${running}`)).body['cancel_requested_at']).not.toBeNull();
    await worker.finish(execution, { outcome: 'cancelled' });
    await remove('?force=true').expect(204);
    await isGone();
    const { rows } = await server.sql.query('select 1 from tasks where repository_id = $1', [id]);
    expect(rows).toEqual([]);
  });
});
