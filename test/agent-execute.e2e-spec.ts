import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { signInPerson, type TestPerson } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let ada: TestPerson;
let bob: TestPerson;

beforeAll(async () => {
  server = await startTestApp();
  [ada, bob] = [await signInPerson(server), await signInPerson(server)];
});
afterAll(() => server.close());

describe('an agent that is told to work', () => {
  const repository = async (person: TestPerson) =>
    String((await person.post('/repositories', { clone_url: 'https://github.com/octo/hello.git' })).body['id']);

  it('gets a task with any field that a task may have', async () => {
    const repository_id = await repository(ada);
    const answer = await server.request
      .post('/api/v1/agents/execute')
      .set('Authorization', `Bearer ${ada.token}`)
      .send({
        ...{ repository_id, issue_number: 12, agent_type: 'codegen', options: { use_worktree: false, auto_pr: true } },
        ...{
          priority: 'P1',
          max_retries: 1,
          metadata: { a: 1 },
          description: 'Do it well.',
          run_at: '2999-01-01T00:00:00Z',
        },
      });
    expect(answer.status).toBe(201);
    expect(answer.headers['location']).toBe(`/api/v1/tasks/${(answer.body as { id: string }).id}`);
    expect(answer.body).toMatchObject({
      ...{ repository_id, issue_number: 12, agent_type: 'codegen', name: 'codegen for issue #12', use_worktree: false },
      ...{ auto_pr: true, priority: 'P1', max_retries: 1, metadata: { a: 1 }, description: 'Do it well.' },
    });
    const { body } = await ada.post('/agents/execute', {
      ...{ repository_id, agent_type: 'review', name: 'Look', run_at: '2999-01-01T00:00:00Z' },
      ...{ auto_pr: false, options: { auto_pr: true } },
    });
    expect(body).toMatchObject({ name: 'Look', auto_pr: false, use_worktree: true });
  });

  it('opens a pull request when its repository says so, or it says so itself', async () => {
    const registered = await ada.post('/repositories', {
      clone_url: 'https://github.com/octo/usual.git',
      auto_pr: true,
    });
    expect(registered.body).toMatchObject({ auto_pr: true });
    const { id: repository_id } = registered.body as { id: string };
    const of = async (fields: object): Promise<unknown[]> => {
      const task = { run_at: '2999-01-01T00:00:00Z', ...fields };
      const answers = [
        (await ada.post('/tasks', { name: 'one', ...task })).body,
        ...((await ada.post('/tasks/bulk', { tasks: [{ name: 'many', ...task }] })).body.items as object[]),
        (await ada.post('/agents/execute', { agent_type: 'codegen', repository_id, ...task })).body,
      ];
      return answers.map((body) => (body as { auto_pr: boolean }).auto_pr);
    };
    expect(await of({ repository_id })).toEqual([true, true, true]);
    expect(await of({ repository_id, auto_pr: false })).toEqual([false, false, false]);
    // Of no repository, but for the last one.
    expect(await of({})).toEqual([false, false, true]);
    const patched = await server.request
      .patch(`/api/v1/repositories/${repository_id}`)
      .set('Authorization', `Bearer ${ada.token}`)
      .send({ auto_pr: false });
    expect(patched.body).toMatchObject({ auto_pr: false });
    expect(await of({ repository_id })).toEqual([false, false, false]);
    expect(await of({ repository_id, auto_pr: true })).toEqual([true, true, true]);
  });

  it('gets it once from a request that is repeated', async () => {
    const repository_id = await repository(bob);
    const send = () =>
      server.request
        .post('/api/v1/agents/execute')
        .set({ Authorization: `Bearer ${bob.token}`, 'Idempotency-Key': 'execute' })
        .send({ repository_id, agent_type: 'codegen', run_at: '2999-01-01T00:00:00Z' });
    const ids = [await send(), await send()].map(({ body }) => (body as { id: string }).id);
    expect(new Set(ids).size).toBe(1);
  });

  it.each([
    [{ agent_type: 'codegen' }, 'repository_id'],
    [{ agent_type: 'nobody', repository_id: '0192f0c1-2345-7abc-8def-0123456789ab' }, 'repository_id'],
    [{ agent_type: 'codegen', repository_id: '0192f0c1-2345-7abc-8def-0123456789ab', other: 1 }, 'other'],
    [{ agent_type: 'codegen', repository_id: '0192f0c1-2345-7abc-8def-0123456789ab', options: 7 }, 'options'],
  ])('is not told so by %j', async (body, field) => {
    const answer = await ada.post('/agents/execute', body);
    expect(answer.status).toBe(400);
    expect((answer.body['errors'] as { field: string }[])[0]?.field).toContain(field);
  });
});
