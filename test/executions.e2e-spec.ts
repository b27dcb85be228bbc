import { LeaseSweepDuty } from '../src/executions/lease-sweep.duty.js';
import { DutiesService } from '../src/duties/duties.service.js';
import { registerWorker, signInPerson, type Answer, type TestPerson, type TestWorker } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';

const NOBODY = '0192f0c1-2345-7abc-8def-0123456789ab';

describe('executions', () => {
  let server: TestApp;
  let ada: TestPerson;
  let worker: TestWorker;

  beforeAll(async () => {
    // The duty runs when a test says so: a day is longer than any of them.
    server = await startTestApp({ SWEEP_SECONDS: '600', SWEEP_GAP_SECONDS: '3600', RETRY_BASE_SECONDS: '0' });
    ada = await signInPerson(server);
    worker = await registerWorker(server);
  });
  afterAll(() => server.close());

  // What an earlier test has left in the queue would be claimed by the next one.
  beforeEach(async () => {
    const { items } = (await ada.get('/tasks?status=pending&limit=100')).body as { items: { id: string }[] };
    for (const { id } of items) await ada.delete(`/tasks/${id}`);
  });

  /** A task of its own that a worker runs. */
  async function running(fields: object = {}, by = worker): Promise<{ task_id: string; execution_id: string }> {
    const task_id = await ada.task({ ...fields, priority: 'P0' });
    const [claim] = await by.claim();
    if (claim?.task_id !== task_id) throw new Error('the claim gave another task');
    return { task_id, execution_id: claim.execution_id };
  }

  const task = async (id: string) => (await ada.get(`/tasks/${id}`)).body;
  const codeOf = ({ status, body }: Answer) => [status, body['code']];
  const sweep = () => server.app.get(DutiesService).runOnce(server.app.get(LeaseSweepDuty));
  /** Moves the database's view of a lease into the past; nobody waits in tests. */
  const expire = (executionId: string) =>
    server.sql.query(`update leases set expires_at = now() - interval '1 second' where execution_id = $1`, [
      executionId,
    ]);
  const entries = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => ({ message: `line ${String(from + at)}` }));
  const endGrace = async () => {
    await sweep();
    await server.sql.query('update duty_runs set grace_until = null');
  };

  it('store log entries once and in order, also when batches are sent again or overlap', async () => {
    const { execution_id } = await running();
    const send = (offset: number, count: number) =>
      worker.post(`/executions/${execution_id}/logs`, { offset, entries: entries(offset, count) });
    expect((await send(0, 3)).body['next_offset']).toBe(3);
    expect((await send(0, 3)).body['next_offset']).toBe(3);
    expect((await send(2, 4)).body['next_offset']).toBe(6);
    const gap = await send(8, 1);
    expect([...codeOf(gap), gap.body['next_offset']]).toEqual([409, 'execution/log-offset', 6]);
    await Promise.all([send(6, 2), send(6, 2), send(6, 2)]);
    const { items } = (await ada.get(`/executions/${execution_id}/logs`)).body as {
      items: { seq: number; message: string }[];
    };
    expect(items.map(({ seq, message }) => `${String(seq)} ${message}`)).toEqual(
      entries(0, 8).map(({ message }, seq) => `${String(seq)} ${message}`),
    );
  });

  it('clean what PostgreSQL cannot store in a log entry, and lose none of the batch', async () => {
    const { execution_id } = await running();
    const { status, body } = await worker.post(`/executions/${execution_id}/logs`, {
      offset: 0,
      entries: [{ message: 'a\u0000b' }, { message: 'c\ud800d' }, { message: '\u001b[31mred\u001b[0m' }],
    });
    expect([status, body['cleaned'], body['next_offset']]).toEqual([200, 2, 3]);
    const { items } = (await ada.get(`/executions/${execution_id}/logs`)).body as { items: { message: string }[] };
    expect(items.map(({ message }) => message)).toEqual(['a\ufffdb', 'c\ufffdd', '\u001b[31mred\u001b[0m']);
  });

  it('let a reader follow a log until it is complete', async () => {
    const { execution_id } = await running();
    await worker.post(`/executions/${execution_id}/logs`, { offset: 0, entries: entries(0, 5) });
    const read = async (query: string) => (await ada.get(`/executions/${execution_id}/logs?${query}`)).body;
    expect(await read('limit=2')).toMatchObject({ next_after: 1, complete: false });
    expect(await read('after=1')).toMatchObject({ next_after: 4, complete: false });
    expect((await read('tail=2')).items).toMatchObject([{ seq: 3 }, { seq: 4 }]);
    await worker.finish(execution_id, { outcome: 'completed', log_entries: 5 });
    expect(await read('after=4')).toEqual({ items: [], next_after: 4, complete: true });
    expect(await read('q=LINE%203')).toMatchObject({ items: [{ seq: 3 }], complete: true });
  });

  it('say when fewer log entries arrived than were sent, and how many lines were left out', async () => {
    const { execution_id } = await running();
    const { body } = await worker.finish(execution_id, { outcome: 'completed', log_entries: 7 });
    expect(body['execution']).toMatchObject({ log_incomplete: true, log_entries: 0, log_left_out: 0 });
    const other = await running();
    const cut = await worker.finish(other.execution_id, { outcome: 'completed', log_entries: 0, log_left_out: 12 });
    expect(cut.body['execution']).toMatchObject({ log_incomplete: true, log_entries: 0, log_left_out: 12 });
  });

  it.each([['expires_at'], ['deadline_at']])(
    'do not call a log complete whose worker never said so (%s)',
    async (at) => {
      await endGrace();
      const { execution_id } = await running();
      await worker.post(`/executions/${execution_id}/logs`, { offset: 0, entries: entries(0, 1) });
      await server.sql.query(`update leases set ${at} = now() - interval '1 hour' where execution_id = $1`, [
        execution_id,
      ]);
      await sweep();
      const { body } = await ada.get(`/executions/${execution_id}`);
      expect(body).toMatchObject({ status: 'failed', log_entries: 1, log_incomplete: true });
    },
  );

  it('have five minutes more to hand over what an agent has done that ended in time', async () => {
    await endGrace();
    const { execution_id } = await running();
    const sweptAt = async (ago: string) => {
      await worker.post(`/executions/${execution_id}/progress`, { agent_ended: true });
      await server.sql.query(`update leases set ${ago} where execution_id = $1`, [execution_id]);
      await sweep();
      return (await ada.get(`/executions/${execution_id}`)).body;
    };
    expect(await sweptAt(`deadline_at = now() - interval '4 minutes'`)).toMatchObject({ status: 'running' });
    await sweptAt(`agent_ended_at = now() - interval '4 minutes'`);
    expect(await sweptAt(`agent_ended_at = agent_ended_at - interval '1 minute'`)).toMatchObject({
      failure_reason: 'timeout',
    });
  });

  it('are finished once: the same word again is answered alike, another one refused', async () => {
    const { execution_id, task_id } = await running();
    const report = { outcome: 'completed', result: { constructor: 1 }, exit_code: 0 };
    const first = await worker.finish(execution_id, report);
    expect(first.body['task']).toMatchObject({ status: 'completed', result: { constructor: 1 } });
    const again = await worker.finish(execution_id, report);
    expect([again.status, again.body['execution'], again.body['task']]).toEqual([
      200,
      first.body['execution'],
      first.body['task'],
    ]);
    expect(codeOf(await worker.finish(execution_id, { outcome: 'failed' }))).toEqual([
      409,
      'execution/already-finished',
    ]);
    expect(await task(task_id)).toMatchObject({ status: 'completed', version: 3 });
  });

  it('of a lost worker are fenced off: no state, log or result changes', async () => {
    await endGrace();
    const { execution_id, task_id } = await running();
    await worker.post(`/executions/${execution_id}/logs`, { offset: 0, entries: entries(0, 1) });
    await expire(execution_id);
    await sweep();
    expect(await task(task_id)).toMatchObject({ status: 'pending', retry_count: 1, failure_reason: 'worker_lost' });
    const heir = await registerWorker(server);
    const [second] = await heir.claim();
    expect(second?.task_id).toBe(task_id);
    const before = await task(task_id);
    const late = await Promise.all([
      worker.finish(execution_id, { outcome: 'completed', result: { late: true } }),
      worker.finish(execution_id, { outcome: 'failed' }),
      worker.post(`/executions/${execution_id}/logs`, { offset: 1, entries: entries(1, 1) }),
      worker.post(`/executions/${execution_id}/progress`, { progress: 99 }),
    ]);
    expect(late.map(codeOf)).toEqual(Array.from({ length: 4 }, () => [409, 'execution/lease-lost']));
    expect((await worker.beat([execution_id])).body['lost']).toEqual([execution_id]);
    expect(await task(task_id)).toEqual(before);
    expect((await ada.get(`/executions/${execution_id}`)).body).toMatchObject({ status: 'failed', log_entries: 1 });
    expect((await heir.finish(second?.execution_id ?? '', { outcome: 'completed' })).status).toBe(200);
    const { items } = (await ada.get(`/events?task_id=${task_id}&types=execution.stale_write`)).body;
    expect(items).toHaveLength(1);
  });

  it('are renewed by a heartbeat only when it lists them', async () => {
    await endGrace();
    const one = await running();
    const two = await running();
    await expire(one.execution_id);
    await expire(two.execution_id);
    expect((await worker.beat([one.execution_id])).body).toMatchObject({ lost: [], cancel: [] });
    await sweep();
    expect((await task(one.task_id))['status']).toBe('running');
    expect((await task(two.task_id))['status']).toBe('pending');
  });

  it('hold until the sweep ends them: a late heartbeat or finish before it succeeds', async () => {
    const { execution_id } = await running();
    await expire(execution_id);
    expect((await worker.finish(execution_id, { outcome: 'completed' })).status).toBe(200);
  });

  it('do not end after a gap in the sweeps, as workers may have been unable to come through', async () => {
    await endGrace();
    const { execution_id, task_id } = await running();
    await expire(execution_id);
    await server.sql.query(`update duty_runs set last_success_at = now() - interval '2 hours'`);
    await sweep();
    expect((await task(task_id))['status']).toBe('running');
    await server.sql.query('update duty_runs set grace_until = now()');
    await sweep();
    expect((await task(task_id))['status']).toBe('pending');
  });

  it('end when their time is over, whatever their worker does', async () => {
    await endGrace();
    const { execution_id, task_id } = await running({ max_retries: 0 });
    await server.sql.query(`update leases set deadline_at = now() - interval '1 minute' where execution_id = $1`, [
      execution_id,
    ]);
    await sweep();
    expect(await task(task_id)).toMatchObject({ status: 'failed', failure_reason: 'timeout' });
  });

  it('are ended by the sweep although another one cannot be', async () => {
    await endGrace();
    const broken = await running({ max_retries: 0 });
    const sound = await running({ max_retries: 0 });
    await expire(broken.execution_id);
    await expire(sound.execution_id);
    await server.sql.query(`create function refuse() returns trigger language plpgsql as $$ begin
      if old.execution_id = '${broken.execution_id}' then raise 'not this one'; end if; return old; end $$`);
    await server.sql.query('create trigger refuse before delete on leases for each row execute function refuse()');
    await sweep();
    expect(await task(sound.task_id)).toMatchObject({ status: 'failed', failure_reason: 'worker_lost' });
    expect((await task(broken.task_id)).status).toBe('running');
    await server.sql.query('drop trigger refuse on leases');
    await sweep();
    expect((await task(broken.task_id)).status).toBe('failed');
  });

  it('never exceed the retry budget, and tell why the last one failed', async () => {
    const { task_id, execution_id } = await running({ max_retries: 2 });
    let current = execution_id;
    for (let attempt = 1; ; attempt++) {
      const { body } = await worker.finish(current, { outcome: 'failed', failure_reason: 'agent_error', exit_code: 1 });
      const after = body['task'] as { status: string; retry_count: number };
      if (after.status === 'failed') {
        expect([attempt, after.retry_count]).toEqual([3, 2]);
        break;
      }
      current = (await worker.claim())[0]?.execution_id ?? '';
    }
    expect(await task(task_id)).toMatchObject({ failure_reason: 'agent_error', error_message: expect.any(String) });
  });

  it('take a reason that only a newer worker knows for an unknown one', async () => {
    const { execution_id } = await running({ max_retries: 0 });
    const { body } = await worker.finish(execution_id, {
      outcome: 'failed',
      failure_reason: 'solar_flare',
      novelty: 1,
    });
    expect(body['task']).toMatchObject({ status: 'failed', failure_reason: 'unknown' });
  });

  it('that are released give the task back without counting', async () => {
    const { execution_id } = await running();
    const { body } = await worker.finish(execution_id, { outcome: 'released' });
    expect(body['task']).toMatchObject({ status: 'pending', retry_count: 0, worker_id: null });
    const [again] = await worker.claim();
    await worker.finish(again?.execution_id ?? '', { outcome: 'completed' });
  });

  it('are told of a wish to cancel with the next answer, and a waiting claim ends for it', async () => {
    const { execution_id, task_id } = await running();
    const waiting = worker.post(`/workers/${worker.id}/claim`, { wait_seconds: 25 });
    const asked = await ada.post(`/tasks/${task_id}/cancel`, { reason: 'stop it' });
    expect([asked.status, asked.body['status']]).toEqual([202, 'running']);
    expect(asked.body['cancel_requested_at']).toEqual(expect.any(String));
    expect((await waiting).body).toMatchObject({ executions: [], cancel: [execution_id] });
    expect((await worker.beat([execution_id])).body['cancel']).toEqual([execution_id]);
    const { body } = await worker.finish(execution_id, { outcome: 'cancelled' });
    expect(body['task']).toMatchObject({ status: 'cancelled', error_message: 'stop it' });
  });

  it('are only for the worker that runs them', async () => {
    const { execution_id } = await running();
    const other = await registerWorker(server);
    expect(codeOf(await other.finish(execution_id, { outcome: 'completed' }))).toEqual([404, 'execution/not-found']);
    expect(codeOf(await other.finish(NOBODY, { outcome: 'completed' }))).toEqual([404, 'execution/not-found']);
    const said = { progress: 99, usage: { input_tokens: 99 }, session_id: 'stolen', checkpoint: { stolen: true } };
    expect((await other.post(`/executions/${execution_id}/progress`, said)).status).toBe(404);
    const logs = { offset: 0, entries: entries(0, 1) };
    expect((await other.post(`/executions/${execution_id}/logs`, logs)).status).toBe(404);
    const before = (await ada.get(`/executions/${execution_id}`)).body;
    const beat = { executions: [{ id: execution_id, progress: 99, usage: { input_tokens: 99 } }] };
    expect((await other.post(`/workers/${other.id}/heartbeat`, beat)).body['lost']).toEqual([execution_id]);
    expect((await ada.get(`/executions/${execution_id}`)).body).toEqual(before);
    expect(before).toMatchObject({ progress: null, usage: null, session_id: null, log_entries: 0 });
    expect(codeOf(await ada.post(`/executions/${execution_id}/finish`, { outcome: 'completed' }))).toEqual([
      403,
      'auth/forbidden',
    ]);
    const eve = await signInPerson(server);
    expect((await eve.get(`/executions/${execution_id}`)).status).toBe(404);
    expect((await eve.get(`/executions/${execution_id}/logs`)).status).toBe(404);
    await worker.finish(execution_id, { outcome: 'completed' });
  });
});
