import { registerWorker, signInPerson, type TestPerson } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

const NOBODY = '0192f0c1-2345-7abc-8def-0123456789ab';

describe('tasks', () => {
  let server: TestApp;
  let ada: TestPerson;
  let eve: TestPerson;

  beforeAll(async () => {
    server = await startTestApp();
    ada = await signInPerson(server);
    eve = await signInPerson(server);
  });
  afterAll(() => server.close());

  it('are created with the defaults of the domain, and queued', async () => {
    const { status, body } = await ada.post('/tasks', { name: '  Add a dark mode  ' });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      name: 'Add a dark mode',
      status: 'pending',
      priority: 'P2',
      agent_type: 'codegen',
      retry_count: 0,
      max_retries: 3,
      timeout_seconds: 3600,
      version: 1,
      actor: { type: 'user' },
      organization_id: ada.organization_id,
    });
    const queued = await server.sql.query('select priority from queue_entries where task_id = $1', [body['id']]);
    expect(queued.rows).toEqual([{ priority: 'P2' }]);
  });

  it('keep free-form metadata to the letter', async () => {
    const metadata = { constructor: { __proto__x: 1 }, hasOwnProperty: [1.5, 'ü', null], '': { nested: [{}] } };
    const id = await ada.task({ metadata });
    expect((await ada.get(`/tasks/${id}`)).body['metadata']).toEqual(metadata);
  });

  it('are refused for an unknown agent type, repository or a command that is none', async () => {
    const codes = await Promise.all(
      [
        { agent_type: 'nobody' },
        { repository_id: NOBODY },
        { agent_type: 'script' },
        { agent_type: 'script', metadata: { command: [' '] } },
        { agent_type: 'script', metadata: { command: 'ls' } },
      ].map(async (fields) => {
        const { status, body } = await ada.post('/tasks', { name: 'x', ...fields });
        return [status, body['code']];
      }),
    );
    expect(codes).toEqual([
      [400, 'task/unknown-agent-type'],
      [400, 'task/unknown-repository'],
      [400, 'task/script-without-command'],
      [400, 'task/script-without-command'],
      [400, 'task/script-without-command'],
    ]);
  });

  it('of another organization are not there, like ids of nothing', async () => {
    const id = await ada.task();
    for (const path of [`/tasks/${id}`, `/tasks/${id}/explain`]) {
      const foreign = await eve.get(path);
      const random = await eve.get(path.replace(id, NOBODY));
      expect([foreign.status, foreign.body['code']]).toEqual([404, 'task/not-found']);
      expect({ ...foreign.body, request_id: '' }).toEqual({ ...random.body, request_id: '' });
    }
    expect((await eve.patch(`/tasks/${id}`, { name: 'mine' })).status).toBe(404);
    expect((await eve.post(`/tasks/${id}/cancel`, {})).status).toBe(404);
    expect((await eve.delete(`/tasks/${id}`)).status).toBe(404);
    const { items } = (await eve.get('/tasks')).body as { items: { id: string }[] };
    expect(items.map((task) => task.id)).not.toContain(id);
    expect((await ada.get(`/tasks/${id}`)).body['name']).toBe('Do it');
  });

  it('are listed newest first, page by page, without gaps or repeats', async () => {
    const finn = await signInPerson(server);
    const made: string[] = [];
    for (let at = 0; at < 7; at++) made.push(await finn.task({ name: `task ${String(at)}` }));
    const seen: string[] = [];
    let cursor = '';
    do {
      const page = (await finn.get(`/tasks?limit=3${cursor}`)).body as unknown as {
        items: { id: string }[];
        next_cursor: string | null;
      };
      seen.push(...page.items.map((task) => task.id));
      cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor}`;
    } while (cursor !== '');
    expect(seen).toEqual([...made].reverse());
  });

  it('are filtered by each of the filters', async () => {
    const gwen = await signInPerson(server);
    await gwen.task({ name: '100% done_x', priority: 'P0', issue_number: 7 });
    await gwen.task({ name: 'other', agent_type: 'review' });
    const names = async (query: string) =>
      ((await gwen.get(`/tasks?${query}`)).body as { items: { name: string }[] }).items.map((task) => task.name);
    expect(await names('priority=P0')).toEqual(['100% done_x']);
    expect(await names('issue_number=7')).toEqual(['100% done_x']);
    expect(await names('agent_type=review')).toEqual(['other']);
    expect(await names('q=0%25%20D')).toEqual(['100% done_x']);
    expect(await names('q=%25')).toEqual(['100% done_x']);
    expect(await names('q=done.x')).toEqual([]);
    expect(await names('status=pending&status=running')).toEqual(['other', '100% done_x']);
    expect(await names('status=completed')).toEqual([]);
    expect(await names('created_after=2100-01-01T00:00:00Z')).toEqual([]);
    expect(await names('created_before=2100-01-01T00:00:00%2B02:00')).toHaveLength(2);
  });

  it('are changed field by field; absent ones stay and null clears', async () => {
    const id = await ada.task({ description: 'long', metadata: { a: 1 } });
    const changed = await ada.patch(`/tasks/${id}`, { priority: 'P0', description: null });
    expect(changed.body).toMatchObject({
      priority: 'P0',
      description: null,
      name: 'Do it',
      metadata: { a: 1 },
      version: 2,
    });
    const queued = await server.sql.query('select priority from queue_entries where task_id = $1', [id]);
    expect(queued.rows).toEqual([{ priority: 'P0' }]);
  });

  it('cannot be given a status by PATCH', async () => {
    const id = await ada.task();
    const { status, body } = await ada.patch(`/tasks/${id}`, { status: 'completed' });
    expect(status).toBe(400);
    expect(body['errors']).toEqual([{ field: 'status', message: 'status is not a known field' }]);
  });

  it('refuse a change that was meant for an older version', async () => {
    const id = await ada.task();
    const first = await ada.patch(`/tasks/${id}`, { name: 'one' }, { 'If-Match': '"1"' });
    const second = await ada.patch(`/tasks/${id}`, { name: 'two' }, { 'If-Match': '"1"' });
    expect([first.status, second.status, second.body['code']]).toEqual([200, 412, 'task/changed']);
    expect((await ada.get(`/tasks/${id}`)).body['name']).toBe('one');
  });

  it('of which one wins when two change the same version together', async () => {
    const id = await ada.task();
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) => ada.patch(`/tasks/${id}`, { name }, { 'If-Match': '"1"' })),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 412, 412, 412]);
  });

  it('are cancelled at once while they wait, and then no claim gets them', async () => {
    const id = await ada.task();
    const cancelled = await ada.post(`/tasks/${id}/cancel`, { reason: 'not wanted' });
    expect([cancelled.status, cancelled.body['status'], cancelled.body['error_message']]).toEqual([
      200,
      'cancelled',
      'not wanted',
    ]);
    expect((await ada.post(`/tasks/${id}/cancel`, {})).body['code']).toBe('task/final');
    expect((await ada.patch(`/tasks/${id}`, { name: 'x' })).body['code']).toBe('task/not-editable');
    const worker = await registerWorker(server);
    expect((await worker.claim({ max: 100 })).map((claim) => claim.task_id)).not.toContain(id);
  });

  it('are deleted unless they run', async () => {
    const worker = await registerWorker(server);
    await worker.claim({ max: 100 });
    const waiting = await ada.task();
    expect((await ada.delete(`/tasks/${waiting}`)).status).toBe(204);
    expect((await ada.get(`/tasks/${waiting}`)).status).toBe(404);
    const running = await ada.task();
    const [claim] = await worker.claim();
    expect(claim?.task_id).toBe(running);
    const refused = await ada.delete(`/tasks/${running}`);
    expect([refused.status, refused.body['code']]).toEqual([409, 'task/running']);
    await worker.finish(claim?.execution_id ?? '', { outcome: 'completed' });
    expect((await ada.delete(`/tasks/${running}`)).status).toBe(204);
    const left = await server.sql.query('select 1 from agent_executions where task_id = $1', [running]);
    expect(left.rowCount).toBe(0);
  });

  it('record what happened to them, in order, with who did it', async () => {
    const hana = await signInPerson(server);
    const id = await hana.task();
    await hana.patch(`/tasks/${id}`, { name: 'New name' });
    await hana.post(`/tasks/${id}/cancel`, {});
    const { items } = (await hana.get(`/events?task_id=${id}`)).body as {
      items: { id: string; type: string; actor: { type: string } }[];
    };
    expect(items.map((event) => event.type)).toEqual(['task.created', 'task.updated', 'task.cancelled']);
    expect(items.every((event) => event.actor.type === 'user')).toBe(true);
    const after = (await hana.get(`/events?after=${items[0]?.id ?? ''}&types=task.cancelled`)).body;
    expect(after.items).toHaveLength(1);
  });
});
