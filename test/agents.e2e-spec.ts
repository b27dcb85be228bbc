import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AgentCountsDuty } from '../src/agents/agent-counts.duty.js';
import { DutiesService } from '../src/duties/duties.service.js';
import { registerWorker, signInPerson, type Answer, type TestPerson, type TestWorker } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let ada: TestPerson;
let bob: TestPerson;
let worker: TestWorker;

beforeAll(async () => {
  server = await startTestApp();
  [ada, bob] = [await signInPerson(server), await signInPerson(server)];
  worker = await registerWorker(server);
});
afterAll(() => server.close());

const itemsOf = ({ body }: Answer) => body.items as Record<string, unknown>[];
const RELEASE_NOTES = { agent_type: 'release-notes', name: 'ReleaseNotesAgent', description: 'Writes release notes.' };
const LAUNCH = { command: ['claude', '--print', '{{prompt}}'], mode: 'plain' };

/** Runs a task of an agent to its end. */
async function run(person: TestPerson, fields: object, outcome: object): Promise<void> {
  const id = await person.task({ ...fields, priority: 'P0', max_retries: 0 });
  const [claimed] = await worker.claim({ max: 1 });
  expect(claimed?.task_id).toBe(id);
  await worker.finish(claimed?.execution_id ?? '', outcome);
}

describe('what an organization says of an agent', () => {
  it('holds for this organization alone', async () => {
    const changes = { enabled: false, launch: LAUNCH, default_timeout_seconds: 90, max_concurrent: 2 };
    expect((await ada.patch('/agents/review-agent', changes)).body).toMatchObject({ id: 'review-agent', ...changes });
    expect((await ada.get('/agents/review-agent')).body).toMatchObject(changes);
    expect((await bob.get('/agents/review-agent')).body).toMatchObject({
      ...{ enabled: true, launch: null, default_timeout_seconds: 3600, max_concurrent: null },
    });
  });

  it('stays where a change does not speak of it, and goes back to the catalogue with null', async () => {
    await ada.patch('/agents/pr-agent', { enabled: false, default_timeout_seconds: 90, max_concurrent: 2 });
    const { body } = await ada.patch('/agents/pr-agent', { default_timeout_seconds: null });
    expect(body).toMatchObject({ enabled: false, default_timeout_seconds: 3600, max_concurrent: 2 });
    const cleared = await ada.patch('/agents/pr-agent', { max_concurrent: null, enabled: true, launch: null });
    expect(cleared.body).toMatchObject({ enabled: true, max_concurrent: null, launch: null });
  });

  it('is the time limit of tasks that name none', async () => {
    await ada.patch('/agents/issue-agent', { default_timeout_seconds: 77 });
    const timeoutOf = async (person: TestPerson, fields: object) =>
      (await person.post('/tasks', { name: 'x', agent_type: 'issue', ...fields })).body['timeout_seconds'];
    expect(await timeoutOf(ada, {})).toBe(77);
    expect(await timeoutOf(ada, { timeout_seconds: 5 })).toBe(5);
    expect(await timeoutOf(bob, {})).toBe(3600);
  });

  it('reaches the worker with the claim', async () => {
    const id = await ada.task({ agent_type: 'sales', priority: 'P0' });
    await ada.patch('/agents/sales-agent', { launch: { ...LAUNCH, resume: ['claude', '{{previous.session_id}}'] } });
    const { body } = await worker.post(`/workers/${worker.id}/claim`, { max: 1 });
    expect(body['executions']).toMatchObject([
      {
        task: { id },
        agent: { id: 'sales-agent', launch: { ...LAUNCH, resume: ['claude', '{{previous.session_id}}'] } },
      },
    ]);
  });

  it.each([
    ['launch', { launch: { command: [], mode: 'plain' } }],
    ['launch', { launch: { command: ['claude'], mode: 'builtin' } }],
    ['launch.command', { launch: { command: ['claude', '{{secrets}}'], mode: 'plain' } }],
    ['launch.command', { launch: { command: ['node', 'agent.js'], mode: 'stream-json' } }],
    ['launch.command', { launch: { command: ['aider'], mode: 'stream-json' } }],
    ['launch.resume', { launch: { command: ['claude'], resume: ['sh', '-c', 'x'], mode: 'stream-json' } }],
    ['max_concurrent', { max_concurrent: 0 }],
    ['default_timeout_seconds', { default_timeout_seconds: 86_401 }],
    ['enabled', { enabled: null }],
  ])('is refused where %s is nothing that can be: %j', async (field, changes) => {
    const { status, body } = await ada.patch('/agents/codegen-agent', changes);
    expect(status).toBe(400);
    const [fault] = body['errors'] as { field: string }[];
    expect(fault?.field).toMatch(new RegExp(`^${field.replace('.', '\\.')}`));
  });

  it('does not say what the catalogue says, nor how a built-in agent is launched', async () => {
    expect((await ada.patch('/agents/codegen-agent', { name: 'Mine' })).body['code']).toBe('agent/of-catalogue');
    expect((await ada.patch('/agents/note-agent', {})).status).toBe(404);
    expect((await ada.patch('/agents/script', { launch: LAUNCH })).body['code']).toBe('agent/built-in');
  });

  it('may be how it is launched only from owners and admins, and keys they have made', async () => {
    const { body: key } = await ada.post('/api-keys', { name: 'manager', permissions: ['agents.manage'] });
    const change = (launch: unknown) =>
      server.request
        .patch('/api/v1/agents/crm-agent')
        .set('Authorization', `Bearer ${String(key['secret'])}`)
        .send({ launch, max_concurrent: 3 });
    expect((await change(null)).status).toBe(200);
    // Whoever made the key is no manager any more.
    const demote = (role: string) =>
      server.sql.query(`update organization_members set role = $2 where organization_id = $1 and role <> 'viewer'`, [
        ada.organization_id,
        role,
      ]);
    await demote('member');
    expect((await change(LAUNCH)).status).toBe(403);
    await demote('owner');
  });

  it('is in the audit log, without the command', async () => {
    await ada.patch('/agents/funnel-design-agent', { launch: { ...LAUNCH, command: ['claude', 'hush'] } });
    const { body } = await ada.get('/audit-log?action=agent.changed&limit=1');
    expect(body.items).toMatchObject([{ subject: { agent_id: 'funnel-design-agent' }, data: { fields: ['launch'] } }]);
    expect(JSON.stringify(body)).not.toContain('hush');
  });
});

describe('an agent that is switched off', () => {
  it('keeps its tasks in the queue, which say why, and gets them again when it is switched on', async () => {
    await bob.patch('/agents/marketing-agent', { enabled: false });
    const id = await bob.task({ agent_type: 'marketing', priority: 'P0' });
    const other = await ada.task({ agent_type: 'marketing', priority: 'P1' });
    expect((await worker.claim({ max: 1 })).map(({ task_id }) => task_id)).toEqual([other]);
    const { body } = await bob.get(`/tasks/${id}/explain`);
    expect(body).toMatchObject({ status: 'pending', reasons: [{ code: 'agent-disabled' }] });
    await bob.patch('/agents/marketing-agent', { enabled: true });
    expect((await worker.claim({ max: 1 })).map(({ task_id }) => task_id)).toEqual([id]);
  });
});

describe("an organization's own agent", () => {
  it('is made, listed behind the catalogue, changed, given tasks and run', async () => {
    const created = await ada.post('/agents', { ...RELEASE_NOTES, capabilities: ['summaries'], launch: LAUNCH });
    expect(created.status).toBe(201);
    const agent = { ...RELEASE_NOTES, id: 'release-notes-agent', layer: 4, category: 'custom', enabled: true };
    expect(created.body).toMatchObject({ ...agent, launch: LAUNCH, default_timeout_seconds: 3600 });
    expect(itemsOf(await ada.get('/agents')).map(({ id }) => id)).toHaveLength(22);
    expect(itemsOf(await ada.get('/agents')).at(-1)).toMatchObject(agent);
    expect(itemsOf(await ada.get('/agents?category=custom'))).toMatchObject([agent]);
    const { body } = await ada.patch(`/agents/${agent.id}`, { name: 'Notes', description: 'Other', capabilities: [] });
    expect(body).toMatchObject({ name: 'Notes', description: 'Other', capabilities: [], launch: LAUNCH });
    await run(ada, { agent_type: 'release-notes' }, { outcome: 'completed' });
    expect((await ada.get(`/agents/${agent.id}`)).body['executions']).toEqual({ running: 0, completed: 1, failed: 0 });
  });

  it('is there for this organization alone: another one may have its own of the same name', async () => {
    expect((await bob.get('/agents/release-notes-agent')).status).toBe(404);
    expect((await bob.patch('/agents/release-notes-agent', { enabled: false })).status).toBe(404);
    expect((await bob.post('/tasks', { name: 'x', agent_type: 'release-notes' })).status).toBe(400);
    const made = await bob.post('/agents', { ...RELEASE_NOTES, name: 'Of Bob', category: 'business' });
    expect(made.body).toMatchObject({ id: 'release-notes-agent', name: 'Of Bob', category: 'business' });
    expect((await ada.get('/agents/release-notes-agent')).body['name']).toBe('Notes');
  });

  it.each(['release-notes', 'codegen', 'note', 'script'])(
    'cannot take the name %s, which is taken',
    async (agent_type) => {
      const { status, body } = await ada.post('/agents', { ...RELEASE_NOTES, agent_type });
      expect([status, body['code']]).toEqual([409, 'agent/taken']);
    },
  );

  it.each(['', 'Upper', '-dash', 'dash-', 'a b', 'a/b', 'x'.repeat(57), 'ä'])(
    'cannot have the name %j',
    async (agent_type) => {
      expect((await ada.post('/agents', { ...RELEASE_NOTES, agent_type })).status).toBe(400);
    },
  );

  it('is made once by a request that is repeated', async () => {
    const send = () =>
      server.request
        .post('/api/v1/agents')
        .set({ Authorization: `Bearer ${ada.token}`, 'Idempotency-Key': 'agents' })
        .send({ ...RELEASE_NOTES, agent_type: 'repeated' });
    const [first, second] = [await send(), await send()];
    expect([first.status, first.headers['location']]).toEqual([201, '/api/v1/agents/repeated-agent']);
    expect([second.status, second.body]).toEqual([201, first.body]);
  });

  it('goes with its organization, and so do the figures', async () => {
    await server.sql.query('delete from task_count_changes');
    const eve = await signInPerson(server);
    const { body } = await eve.post('/organizations', { name: 'Short-lived' });
    const organization_id = String(body['id'] ?? (body['organization'] as { id: string }).id);
    const switched = await eve.post('/auth/switch-organization', { organization_id });
    const token = String(switched.body['access_token']);
    const asEve = (method: 'post' | 'delete', path: string) =>
      server.request[method](`/api/v1${path}`).set('Authorization', `Bearer ${token}`);
    expect((await asEve('post', '/agents').send(RELEASE_NOTES)).status).toBe(201);
    await server.sql.query(
      `insert into agent_count_changes (organization_id, agent_type, completed, failed, seconds) values ($1, 'x', 1, 0, 1)`,
      [organization_id],
    );
    expect((await asEve('delete', `/organizations/${organization_id}`)).status).toBe(204);
    const { rows } = await server.sql.query(
      `select (select count(*)::integer from organization_agents where organization_id = $1)
            + (select count(*)::integer from agent_count_changes where organization_id = $1) as rows`,
      [organization_id],
    );
    expect(rows).toEqual([{ rows: 0 }]);
  });
});

describe('the figures of an agent', () => {
  const figures = async (person: TestPerson) => {
    const { body } = await person.get('/agents/persona-agent');
    return { ...(body['executions'] as object), average: body['average_duration_seconds'] };
  };

  it('are of its executions in the organization, at once, whether or not they have been folded', async () => {
    const none = { running: 0, completed: 0, failed: 0, average: null };
    expect(await figures(ada)).toEqual(none);
    const fields = { agent_type: 'persona' };
    await run(ada, fields, { outcome: 'completed' });
    await run(ada, fields, { outcome: 'failed', failure_reason: 'agent_error' });
    await run(ada, fields, { outcome: 'cancelled' });
    await ada.task({ ...fields, priority: 'P0' });
    const [running] = await worker.claim({ max: 1 });
    const before = await figures(ada);
    expect(before).toEqual({ running: 1, completed: 1, failed: 1, average: expect.any(Number) });
    await server.app.get(DutiesService).runOnce(server.app.get(AgentCountsDuty, { strict: false }));
    expect(await figures(ada)).toEqual(before);
    await server.sql.query(`update agent_executions set started_at = now() - interval '90 seconds' where id = $1`, [
      running?.execution_id,
    ]);
    await worker.finish(running?.execution_id ?? '', { outcome: 'completed' });
    const after = await figures(ada);
    expect(after).toMatchObject({ running: 0, completed: 2, failed: 1 });
    expect(after.average).toBeGreaterThanOrEqual(45);
    expect(await figures(bob)).toEqual(none);
  });

  it('are added up by layer and by category', async () => {
    const { body } = await bob.get('/agents/overview');
    const layers = body['layers'] as Record<string, number>[];
    expect(layers.map(({ layer, agents }) => [layer, agents])).toEqual([
      [3, 1],
      [4, 21],
    ]);
    const categories = body['categories'] as Record<string, unknown>[];
    expect(categories.map(({ category, agents }) => [category, agents])).toEqual([
      ...[
        ['coding', 7],
        ['business', 15],
        ['custom', 0],
      ],
    ]);
    await bob.patch('/agents/analytics-agent', { enabled: false });
    await run(bob, { agent_type: 'crm' }, { outcome: 'completed' });
    const now = (await bob.get('/agents/overview')).body;
    expect(now).toMatchObject({ agents: 22, enabled: 21, completed: 1, failed: 0 });
    expect(now['categories']).toMatchObject([{ completed: 0 }, { category: 'business', completed: 1 }, {}]);
  });
});
