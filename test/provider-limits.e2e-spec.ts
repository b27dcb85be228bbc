import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let ada: TestPerson;
let worker: TestWorker;

beforeAll(async () => {
  server = await startTestApp();
});
afterAll(() => server.close());
beforeEach(async () => {
  ada = await signInPerson(server);
  worker = await registerWorker(server);
});

// Workers serve every organization: what one test has left is not to be given to the next.
afterEach(async () => {
  for (const organization of [ada, ...others.splice(0)])
    await organization.post('/tasks/actions', { action: 'cancel', filter: { status: ['pending'] } });
});

const others: TestPerson[] = [];
async function another(): Promise<TestPerson> {
  const person = await signInPerson(server);
  others.push(person);
  return person;
}

interface Limit {
  id: string;
  until: string;
}

const limits = async (person = ada) => (await person.get('/limits')).body.items as unknown as Limit[];
const limited = async () =>
  (await ada.get('/events?types=provider.limited')).body.items as { subject: object; data: object }[];
const claimed = async (by = worker) => (await by.claim({ max: 10 })).map(({ task_id }) => task_id);

/** Has the worker meet a limit with a task of the agent. */
async function meet(said: object = {}, agent_type = 'codegen', by = worker) {
  const id = await ada.task({ agent_type, priority: 'P0' });
  const [claim] = await by.claim({ max: 1 });
  expect(claim?.task_id).toBe(id);
  const finish = { outcome: 'failed', failure_reason: 'rate_limited', ...said };
  const { status } = await by.finish(claim?.execution_id ?? '', finish);
  expect(status).toBe(200);
  return { task_id: id, execution_id: claim?.execution_id ?? '' };
}

describe('a limit of a provider', () => {
  it('that an execution met is told once, stops the launcher, and is no retry of the task', async () => {
    const other = await ada.task({ agent_type: 'review' });
    const { task_id, execution_id } = await meet({ retry_after_seconds: 3600 });
    const { body: task } = await ada.get(`/tasks/${task_id}`);
    expect(task).toMatchObject({ status: 'pending', retry_count: 0, failure_reason: 'rate_limited' });
    const [limit, ...more] = await limits();
    expect(more).toEqual([]);
    expect(limit).toMatchObject({
      launcher: 'claude',
      account: null,
      reason: 'rate_limited',
      reported_by: execution_id,
    });
    expect(limit?.until).toBe(task['run_at']);
    const left = (Date.parse(limit?.until ?? '') - Date.now()) / 1000;
    expect(left).toBeGreaterThan(3000);
    expect(left).toBeLessThan(3700);
    expect(await limited()).toMatchObject([
      {
        subject: { task_id, execution_id, worker_id: worker.id },
        data: { limit_id: limit?.id, launcher: 'claude', account: null, reason: 'rate_limited', until: limit?.until },
      },
    ]);
    // Rows stay where they are: the lane is not looked at.
    expect(await claimed()).toEqual([]);
    const { body } = await ada.get(`/tasks/${other}/explain`);
    expect(body['reasons']).toMatchObject([{ code: 'provider-limit', launcher: 'claude', until: limit?.until }]);
  });

  it('that several executions meet at once is one limit and one event, as long as the longest', async () => {
    const ids = [await ada.task({ agent_type: 'codegen' }), await ada.task({ agent_type: 'review' })];
    const claims = await worker.claim({ max: 10 });
    expect(claims.map(({ task_id }) => task_id).sort()).toEqual(ids.sort());
    await Promise.all(
      claims.map(({ execution_id }, at) => {
        const retry_after_seconds = 600 * (at + 1);
        return worker.finish(execution_id, { outcome: 'failed', failure_reason: 'quota', retry_after_seconds });
      }),
    );
    const [limit, ...more] = await limits();
    expect(more).toEqual([]);
    expect((Date.parse(limit?.until ?? '') - Date.now()) / 1000).toBeGreaterThan(900);
    expect(await limited()).toHaveLength(1);
  });

  it('that is met again while it holds stays the same, is told once, and is made longer but never shorter', async () => {
    for (const agent_type of ['codegen', 'review', 'pr']) await ada.task({ agent_type });
    const claims = await worker.claim({ max: 10 });
    const seen: Limit[] = [];
    for (const [at, retry_after_seconds] of [600, 1200, 60].entries()) {
      const said = { outcome: 'failed', failure_reason: 'quota', retry_after_seconds };
      await worker.finish(claims[at]?.execution_id ?? '', said);
      seen.push(...(await limits()));
    }
    expect(seen).toHaveLength(3);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(1);
    const [first = 0, second, third] = seen.map(({ until }) => Date.parse(until));
    expect(second).toBeGreaterThan(first);
    expect(third).toBe(second);
    expect(await limited()).toHaveLength(1);
  });

  it('without a time holds for a minute', async () => {
    await meet();
    const [limit] = await limits();
    const left = (Date.parse(limit?.until ?? '') - Date.now()) / 1000;
    expect(left).toBeGreaterThan(30);
    expect(left).toBeLessThanOrEqual(61);
  });

  it('that is over is no limit, and one that is met then is a new one', async () => {
    await meet({ retry_after_seconds: 600 });
    const other = await ada.task({ agent_type: 'review' });
    await server.sql.query(
      `update provider_limits set until = now() - interval '1 second' where organization_id = $1`,
      [ada.organization_id],
    );
    expect(await limits()).toEqual([]);
    expect(await claimed()).toEqual([other]);
    await meet({ retry_after_seconds: 600 });
    expect(await limits()).toHaveLength(1);
    expect(await limited()).toHaveLength(2);
  });

  it('can be lifted, once', async () => {
    await meet({ retry_after_seconds: 600 });
    const other = await ada.task({ agent_type: 'review' });
    const [limit] = await limits();
    const bob = await another();
    expect(await limits(bob)).toEqual([]);
    expect((await bob.delete(`/limits/${limit?.id ?? ''}`)).status).toBe(404);
    expect(await claimed()).toEqual([]);
    expect((await ada.delete(`/limits/${limit?.id ?? ''}`)).status).toBe(204);
    expect((await ada.delete(`/limits/${limit?.id ?? ''}`)).status).toBe(404);
    expect(await claimed()).toEqual([other]);
    expect((await ada.get('/audit-log?action=limit.lifted')).body.items).toMatchObject([
      { subject: { limit_id: limit?.id }, data: { launcher: 'claude' } },
    ]);
  });

  it('stops neither other launchers, nor the built-in agents, nor other organizations', async () => {
    await meet({ retry_after_seconds: 600 });
    const launch = { command: ['codex', 'exec', '{{prompt}}'], mode: 'plain' };
    await ada.patch('/agents/sales-agent', { launch });
    await ada.patch('/agents/crm-agent', { launch: { command: ['./own-agent'], mode: 'plain' } });
    const bob = await another();
    const ids = [
      await ada.task({ agent_type: 'sales' }),
      await ada.task({ agent_type: 'crm' }),
      await ada.task({ agent_type: 'note' }),
      await bob.task({ agent_type: 'codegen' }),
    ];
    expect((await claimed()).sort()).toEqual(ids.sort());
  });

  it('belongs to the account of the worker that met it', async () => {
    const launchers = [{ name: 'claude', account: 'team-a' }];
    const [first, fellow, other] = [
      await registerWorker(server, { launchers }),
      await registerWorker(server, { launchers: [...launchers, { name: 'codex' }] }),
      await registerWorker(server, { launchers: [{ name: 'claude', account: 'team-b' }] }),
    ];
    await meet({ retry_after_seconds: 600 }, 'codegen', first);
    expect(await limits()).toMatchObject([{ launcher: 'claude', account: 'team-a' }]);
    const id = await ada.task({ agent_type: 'codegen' });
    expect(await claimed(fellow)).toEqual([]);
    // Another account may go on, so that nothing keeps the task.
    expect((await ada.get(`/tasks/${id}/explain`)).body['reasons']).toMatchObject([{ code: 'queued' }]);
    expect(await claimed(other)).toEqual([id]);
    // An account that a worker tells of later counts from then on.
    await worker.post(`/workers/${worker.id}/heartbeat`, { launchers });
    const next = await ada.task({ agent_type: 'codegen' });
    expect(await claimed()).toEqual([]);
    await worker.post(`/workers/${worker.id}/heartbeat`, { launchers: [{ name: 'claude', account: null }] });
    expect(await claimed()).toEqual([next]);
  });

  it('is none for failures of other kinds, for built-in agents, and outside of the fleet', async () => {
    await meet({ failure_reason: 'agent_error' });
    await meet({ retry_after_seconds: 600 }, 'note');
    const id = await ada.task({ agent_type: 'codegen', run_at: '2999-01-01T00:00:00Z' });
    await ada.post(`/tasks/${id}/start`, {});
    await ada.post(`/tasks/${id}/fail`, { failure_reason: 'rate_limited' });
    expect(await limits()).toEqual([]);
    expect(await limited()).toEqual([]);
  });

  it('is told although its task is not to be tried again', async () => {
    await meet({ retryable: false, retry_after_seconds: 600 });
    expect(await limits()).toHaveLength(1);
  });
});
