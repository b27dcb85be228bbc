import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { claimTask, end, SUCCESS } from './task-graphs.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let ada: TestPerson;
let worker: TestWorker;

beforeAll(async () => {
  server = await startTestApp();
  ada = await signInPerson(server);
  worker = await registerWorker(server);
});
afterAll(() => server.close());

describe('an explanation', () => {
  const explain = async (id: string) => {
    const { body } = await ada.get(`/tasks/${id}/explain`);
    return body as { status: string; queue_position: number | null; reasons: Record<string, unknown>[] };
  };

  it('of a blocked task names each dependency that has not completed', async () => {
    const [done, open] = [
      await ada.task({ name: 'done' }),
      await ada.task({ name: 'open', run_at: '2999-01-01T00:00:00Z' }),
    ];
    await end(worker, done, SUCCESS);
    const id = await ada.task({ depends_on: [done, open] });
    expect(await explain(id)).toEqual({
      status: 'blocked',
      queue_position: null,
      reasons: [
        {
          code: 'dependency-unfinished',
          detail: 'It waits for "open", which is pending.',
          task_id: open,
          name: 'open',
          task_status: 'pending',
        },
      ],
    });
  });

  it('of a skipped task names the cause, and what to do', async () => {
    const cause = await ada.task({ name: 'cause' });
    const id = await ada.task({ depends_on: [cause] });
    await ada.post(`/tasks/${cause}/cancel`, {});
    expect(await explain(id)).toMatchObject({
      status: 'skipped',
      reasons: [{ code: 'dependency-ended', task_id: cause, name: 'cause', task_status: 'cancelled' }],
    });
    await ada.post(`/tasks/${cause}/retry`);
    expect((await explain(id)).reasons).toMatchObject([{ code: 'dependency-unfinished', task_status: 'pending' }]);
    await end(worker, cause, SUCCESS);
    expect(await explain(id)).toMatchObject({ status: 'pending', queue_position: expect.any(Number) });
    await end(worker, id, SUCCESS);
    expect((await explain(id)).reasons).toEqual([{ code: 'completed', detail: 'It has succeeded.' }]);
  });

  it('of a failed task has the hint of its reason', async () => {
    const id = await ada.task();
    await end(worker, id, { outcome: 'failed', failure_reason: 'auth', error_message: 'Not signed in.' });
    const [reason] = (await explain(id)).reasons;
    expect(reason).toMatchObject({
      code: 'failed',
      failure_reason: 'auth',
      hint: 'The agent is not signed in on that worker, or its key was refused.',
    });
    expect(reason?.['detail']).toBe(
      'Not signed in. The agent is not signed in on that worker, or its key was refused. No retry would help.',
    );
  });

  it('of a cancelled task says why it was', async () => {
    const id = await ada.task();
    await ada.post(`/tasks/${id}/cancel`, { reason: 'Not wanted' });
    expect((await explain(id)).reasons).toEqual([{ code: 'cancelled', detail: 'It was cancelled: Not wanted' }]);
  });

  it('of a running task says who runs it, and that it is to end', async () => {
    const id = await ada.task();
    const execution_id = await claimTask(worker, id);
    await ada.post(`/tasks/${id}/cancel`, {});
    expect((await explain(id)).reasons).toMatchObject([
      { code: 'running', worker_id: worker.id, execution_id },
      { code: 'cancel-requested' },
    ]);
    await worker.finish(execution_id, { outcome: 'cancelled' });
  });
});
