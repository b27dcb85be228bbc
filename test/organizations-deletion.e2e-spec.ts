import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DutiesService } from '../src/duties/duties.service.js';
import { RetentionDuty } from '../src/executions/retention.duty.js';
import { OrganizationsService } from '../src/organizations/organizations.service.js';
import { TaskCountsDuty } from '../src/tasks/task-counts.duty.js';
import { eventually } from './eventually.js';
import { registerWorker } from './fleet.js';
import { auditOf, keyFor, Somebody, staffed } from './organizations-people.js';
import { Scratch } from './scratch-git.js';
import { codeOf } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

const JWT_SECRET = Buffer.alloc(32, 7).toString('base64');

let server: TestApp;
let second: TestApp;
let scratch: Scratch;

beforeAll(async () => {
  scratch = new Scratch();
  const settings = {
    JWT_SECRET,
    GIT_ROOT: scratch.directory('mirrors'),
    LOCAL_REPOSITORY_ROOTS: scratch.directory('roots'),
  };
  server = await startTestApp(settings);
  second = await startTestApp(settings, server);
});
afterAll(async () => {
  await second.close();
  await server.close();
  scratch.remove();
});

/** How many rows each table holds; the log of what was done and the duties are no part of any organization. */
async function rows(): Promise<Record<string, number>> {
  // Differences in counts are folded at any time.
  await server.app.get(TaskCountsDuty, { strict: false }).runOnce();
  const { rows: tables } = await server.sql.query<{ name: string }>(
    `select table_name as name from information_schema.tables
     where table_schema = 'public' and table_type = 'BASE TABLE'
       and table_name not in ('audit_entries', 'duty_runs', 'migrations', 'rate_limits')`,
  );
  const counted: Record<string, number> = {};
  for (const { name } of tables) {
    const { rows: found } = await server.sql.query<{ n: number }>(`select count(*)::integer as n from "${name}"`);
    counted[name] = found[0]?.n ?? 0;
  }
  return counted;
}

/** Without refresh tokens, which grow with each exchange; events get their place in the meantime. */
const kept = ({ refresh_tokens: _, events = 0, event_outbox = 0, ...others }: Record<string, number>) => ({
  ...others,
  told: events + event_outbox,
});

/** A worker of the organization, registered by one of its managers. */
async function workerOf(manager: Somebody, name: string) {
  const { body } = await manager.post('/workers', { name, capacity: 10, scope: 'organization' }).expect(201);
  const { token, worker } = body as { token: string; worker: { id: string } };
  const post = (path: string, given: object) =>
    server.request.post(`/api/v1${path}`).set('Authorization', `Bearer ${token}`).send(given);
  const claim = async (): Promise<string[]> => {
    const { body: claimed } = await post(`/workers/${worker.id}/claim`, { max: 10 }).expect(200);
    return (claimed as { executions: { execution: { id: string } }[] }).executions.map(({ execution }) => execution.id);
  };
  return { id: worker.id, post, claim };
}

describe('deleting an organization', () => {
  it('takes everything of it away, and nothing else', async () => {
    const neighbour = await staffed(server);
    await neighbour.member.post('/tasks', { name: 'Stays', agent_type: 'note' }).expect(201);
    const { id, owner, admin, member } = await staffed(server);
    // Home organizations and people stay; what is made from here on goes.
    const { rows: signedIn } = await server.sql.query('select count(*) from sessions where organization_id = $1', [id]);
    expect(signedIn).toEqual([{ count: '4' }]);
    const before = await rows();

    const { body: repository } = await member
      .post('/repositories', { local_path: scratch.repository('roots/mine') })
      .expect(201);
    const mirror = join(scratch.path, 'mirrors', `${(repository as { id: string }).id}.git`);
    expect(existsSync(mirror)).toBe(true);
    const of = { repository_id: (repository as { id: string }).id, agent_type: 'note' };
    const worker = await workerOf(admin, 'w1');
    await member.post('/tasks', { name: 'Is done', ...of }).expect(201);
    const [execution] = await worker.claim();
    await worker
      .post(`/executions/${String(execution)}/logs`, { offset: 0, entries: [{ message: 'line' }] })
      .expect(200);
    await worker.post(`/executions/${String(execution)}/finish`, { outcome: 'completed' }).expect(200);
    for (const name of ['Waits', 'Waits, too'])
      await member
        .post('/tasks', { name, ...of, required_labels: [name.replace(', ', '-').toLowerCase()] })
        .expect(201);
    await owner.post(`/organizations/${id}/members`, { login: 'never-answered', role: 'viewer' }).expect(201);
    const key = await keyFor(server, id);
    await server.request.get('/api/v1/tasks').set('Authorization', `Bearer ${key}`).expect(200);

    expect(await codeOf(admin.delete(`/organizations/${id}`))).toBe('403 organization/owners-only');
    expect(await codeOf(member.delete(`/organizations/${id}`))).toBe('403 auth/forbidden');
    await owner.delete(`/organizations/${id}`).expect(204);

    expect(await codeOf(server.request.get('/api/v1/tasks').set('Authorization', `Bearer ${key}`))).toMatch(/^401/);
    expect(await codeOf(worker.post(`/workers/${worker.id}/heartbeat`, {}))).toMatch(/^401/);
    expect(await codeOf(worker.post(`/workers/${worker.id}/claim`, {}))).toMatch(/^401/);
    for (const person of [owner, admin, member]) {
      expect(await codeOf(person.at(second).get('/auth/me'))).toBe('401 auth/invalid-token');
      await person.refresh();
      expect((await person.here()).id).not.toBe(id);
      expect(await codeOf(person.get(`/organizations/${id}`))).toBe('404 organization/not-found');
    }
    await eventually('the mirror is gone', () => !existsSync(mirror));
    const gone = { organizations: 1, organization_members: 4, invitations: 3 };
    const expected = Object.fromEntries(
      Object.entries(before).map(([table, n]) => [table, n - (gone[table as keyof typeof gone] ?? 0)]),
    );
    await eventually('log entries are gone', async () => {
      await server.app.get(DutiesService).runOnce(server.app.get(RetentionDuty, { strict: false }));
      return (await rows())['removed_logs'] === 0;
    });
    await eventually('late events are gone', async () => kept(await rows()).told === kept(expected).told);
    expect(kept(await rows())).toEqual(kept(expected));
    expect((await neighbour.member.get('/tasks').expect(200)).body).toMatchObject({ items: [{ name: 'Stays' }] });
    expect((await auditOf(server, id)).slice(-1)).toEqual([
      {
        organization_id: null,
        actor: owner.login,
        action: 'organization.deleted',
        subject: { organization_id: id },
        data: { name: 'Analytical Engines' },
        traced: true,
      },
    ]);
  });

  it('is refused while anything of it runs, also on a worker of the instance, and changes nothing', async () => {
    const { id, owner, member } = await staffed(server);
    const worker = await registerWorker(server);
    await member.post('/tasks', { name: 'Runs', agent_type: 'note' }).expect(201);
    const running = (await worker.claim({ max: 100 })).find(({ name }) => name === 'Runs');
    await member.post('/tasks', { name: 'Waits', agent_type: 'note' }).expect(201);
    const before = await rows();
    expect(await codeOf(owner.delete(`/organizations/${id}`))).toBe('409 organization/busy');
    expect(kept(await rows())).toEqual(kept(before));
    expect(await owner.here()).toEqual({ id, role: 'owner' });
    expect((await auditOf(server, id)).map(({ action }) => action)).not.toContain('organization.deleted');
    expect((await worker.finish(running!.execution_id, { outcome: 'completed' })).status).toBe(200);
    expect((await worker.claim({ max: 100 })).map(({ name }) => name)).toEqual(['Waits']);
    expect(await codeOf(owner.delete(`/organizations/${id}`))).toBe('409 organization/busy');
  });

  it('is refused for personal ones, and without an effect when a feature cannot let go of it', async () => {
    const ada = await Somebody.signIn(server);
    const { id: home } = await ada.here();
    expect(await codeOf(ada.delete(`/organizations/${home}`))).toBe('409 organization/personal');
    const id = await ada.found();
    server.app.get(OrganizationsService).onDeleting((organization) => {
      if (organization === id) return Promise.reject(new Error('cannot let go'));
      return Promise.resolve();
    });
    expect(await codeOf(ada.delete(`/organizations/${id}`))).toBe('500 server/fault');
    expect(await ada.here()).toEqual({ id, role: 'owner' });
  });

  it('happens once, however many ask', async () => {
    const { id, owner } = await staffed(server);
    const asks = [server, second, server, second].map((at) => codeOf(owner.at(at).delete(`/organizations/${id}`)));
    const answers = (await Promise.all(asks)).sort();
    expect(answers[0]).toBe('204');
    // Whoever comes late finds the session elsewhere, or the organization gone.
    for (const answer of answers.slice(1))
      expect(['401 auth/invalid-token', '404 organization/not-found']).toContain(answer);
  });

  it('in the middle of claims, new tasks and new members ends whole, or not at all', async () => {
    const worker = await registerWorker(server);
    const outcomes: Record<string, number> = {};
    for (let round = 0; round < 16; round += 1) {
      const owner = await Somebody.signIn(server);
      const id = await owner.found();
      const guest = await Somebody.signIn(server, `late-${String(round)}`);
      const { body: invitation } = await owner
        .post(`/organizations/${id}/members`, { login: guest.login, role: 'viewer' })
        .expect(201);
      const task = { name: 'x', agent_type: 'note' };
      // With something to claim the claim mostly wins; without it, the deletion.
      if (round % 4 === 0) await owner.post('/tasks', task).expect(201);
      const create = () => owner.at(second).post('/tasks', { ...task, required_labels: [id] });
      const others = [
        () => create(),
        () => create(),
        () => worker.post(`/workers/${worker.id}/claim`, { max: 1 }),
        () => guest.at(second).post(`/invitations/${(invitation as { id: string }).id}/accept`),
      ];
      const asks = [() => owner.delete(`/organizations/${id}`), ...others].map((ask) => () => codeOf(ask()));
      // The deletion is first in one round, last in another.
      const turned = [...asks.slice(round % asks.length), ...asks.slice(0, round % asks.length)];
      const answers = await Promise.all(turned.map((ask) => ask()));
      expect(answers.filter((answer) => answer.startsWith('5'))).toEqual([]);
      const { rows: left } = await server.sql.query<{ n: number }>(
        'select count(*)::integer as n from organizations where id = $1',
        [id],
      );
      const deleted = answers[(asks.length - (round % asks.length)) % asks.length];
      expect(left).toEqual([{ n: deleted === '204' ? 0 : 1 }]);
      outcomes[String(deleted)] = (outcomes[String(deleted)] ?? 0) + 1;
    }
    process.stdout.write(`deletions in the middle of work: ${JSON.stringify(outcomes)}\n`);
    expect(Object.keys(outcomes).filter((answer) => !['204', '409 organization/busy'].includes(answer))).toEqual([]);
    const { rows: orphans } = await server.sql.query<{ n: number }>(
      `select count(*)::integer as n from (
         select task_id from queue_entries where task_id not in (select id from tasks)
         union all select task_id from leases where task_id not in (select id from tasks)
         union all select id from tasks where organization_id not in (select id from organizations)) orphans`,
    );
    expect(orphans).toEqual([{ n: 0 }]);
  });
});
