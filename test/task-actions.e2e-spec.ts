import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { DutiesService } from '../src/duties/duties.service.js';
import { TaskCountsDuty } from '../src/tasks/task-counts.duty.js';
import { actOn, bulk, chain, claimTask, end, FAILURE, statusesOf, SUCCESS } from './task-graphs.js';
import { startTestApp, type TestApp } from './test-app.js';

const NOBODY = '0192f0c1-2345-7abc-8def-0123456789ab';

let server: TestApp;
let worker: TestWorker;
let ada: TestPerson;

beforeAll(async () => {
  server = await startTestApp();
  worker = await registerWorker(server);
});
afterAll(() => server.close());
beforeEach(async () => {
  // The tasks of each fact are all of an organization.
  ada = await signInPerson(server);
});

const codes = (receipt: { refused: { id: string; code: string }[] }) =>
  Object.fromEntries(receipt.refused.map(({ id, code }) => [id, code]));

/** Tasks in every state, by its name. */
async function oneOfEach(): Promise<Record<string, string>> {
  const made = await bulk(ada, [
    { ref: 'completed' },
    { ref: 'failed', max_retries: 0 },
    { ref: 'cancelled' },
    { ref: 'skipped', depends_on: ['failed'] },
    { ref: 'running' },
    { ref: 'pending' },
    { ref: 'blocked', depends_on: ['running'] },
  ]);
  const names = ['completed', 'failed', 'cancelled', 'skipped', 'running', 'pending', 'blocked'];
  const of = Object.fromEntries(names.map((name, at) => [name, made[at]?.id ?? '']));
  await end(worker, of['completed'] ?? '', SUCCESS);
  await end(worker, of['failed'] ?? '', FAILURE);
  await ada.post(`/tasks/${of['cancelled'] ?? ''}/cancel`, {});
  await claimTask(worker, of['running'] ?? '');
  expect(await statusesOf(server, Object.values(of))).toEqual(names);
  return of;
}

describe('an action on many tasks', () => {
  it.each([
    ['cancel', { completed: 'task/final', failed: 'task/final', cancelled: 'task/final', skipped: 'task/final' }],
    [
      'retry',
      {
        completed: 'task/not-retryable',
        running: 'task/not-retryable',
        pending: 'task/not-retryable',
        blocked: 'task/not-retryable',
      },
    ],
    [
      'set_priority',
      {
        completed: 'task/not-editable',
        failed: 'task/not-editable',
        cancelled: 'task/not-editable',
        skipped: 'task/not-editable',
      },
    ],
    ['delete', { running: 'task/running' }],
  ])('to %s them refuses each by its state, and a dry run says the same', async (action, expected) => {
    const of = await oneOfEach();
    const ids = [...Object.values(of), NOBODY];
    const wish = { action, ids, ...(action === 'set_priority' && { priority: 'P0' }) };
    const before = await statusesOf(server, ids);
    const rehearsed = await actOn(ada, { ...wish, dry_run: true });
    expect(await statusesOf(server, ids)).toEqual(before);
    const done = await actOn(ada, wish);
    expect(rehearsed).toEqual(done);
    const refused: Record<string, string> = { [NOBODY]: 'task/not-found' };
    for (const [name, code] of Object.entries(expected)) refused[of[name] ?? ''] = code;
    expect(codes(done)).toEqual(refused);
    expect([done.matched, done.changed]).toEqual([8, 8 - Object.keys(refused).length]);
    if (action === 'set_priority') {
      const { rows } = await server.sql.query(`select priority from queue_entries where task_id = $1`, [of['pending']]);
      expect(rows).toEqual([{ priority: 'P0' }]);
    }
  });

  it('means all that the filter finds, oldest first', async () => {
    const mine = await bulk(ada, [
      { name: 'one', issue_number: 7 },
      { name: 'two', issue_number: 7, priority: 'P0' },
      { name: 'three' },
    ]);
    const [one, two, three] = mine.map(({ id }) => id) as [string, string, string];
    const eve = await signInPerson(server);
    const foreign = await eve.task({ issue_number: 7 });
    const some = await actOn(ada, {
      action: 'cancel',
      filter: { issue_number: 7, status: ['pending'] },
      reason: 'enough',
    });
    expect(some).toEqual({ matched: 2, changed: 2, refused: [] });
    expect(await statusesOf(server, [one, two, three, foreign])).toEqual([
      'cancelled',
      'cancelled',
      'pending',
      'pending',
    ]);
    expect((await ada.get(`/tasks/${one}`)).body['error_message']).toBe('enough');
    const all = await actOn(ada, { action: 'cancel', filter: {} });
    expect(all.refused.map(({ id }) => id)).toEqual([one, two]);
    expect(await actOn(ada, { action: 'cancel', ids: [foreign] })).toEqual({
      matched: 1,
      changed: 0,
      refused: [{ id: foreign, code: 'task/not-found' }],
    });
  });

  it('says what comes of those behind, and the dry run says the same of any graph', async () => {
    for (let round = 0; round < 6; round++) {
      const person = await signInPerson(server);
      // Each waits for some of those before it.
      const made = await bulk(
        person,
        Array.from({ length: 24 }, (_, at) => ({
          ref: `r${String(at)}`,
          run_at: '2999-01-01T00:00:00Z',
          depends_on: Array.from({ length: at }, (__, before) => `r${String(before)}`).filter(
            () => Math.random() < 0.12,
          ),
        })),
      );
      const some = made.filter(() => Math.random() < 0.6).map(({ id }) => id);
      for (const action of ['cancel', 'delete', 'retry', 'delete']) {
        const wish = { action, ids: some.length > 0 ? some : [NOBODY] };
        const rehearsed = await actOn(person, { ...wish, dry_run: true });
        expect({ round, action, ...(await actOn(person, wish)) }).toEqual({ round, action, ...rehearsed });
      }
    }
  });

  it('stops after a thousand, and goes on from there', async () => {
    await chain(ada, 2);
    await server.sql.query(
      `insert into tasks (id, organization_id, actor, name, status, agent_type, lane_id, completed_at)
       select gen_random_uuid(), organization_id, actor, 'old', 'completed', agent_type, lane_id, now()
       from (select * from tasks where organization_id = $1 limit 1) one, generate_series(1, 1200)`,
      [ada.organization_id],
    );
    const wish = { action: 'retry', filter: {}, dry_run: true };
    const first = (await ada.post('/tasks/actions', wish)).body;
    expect(first).toMatchObject({ matched: 1000, changed: 0, more: true });
    const second = (await ada.post('/tasks/actions', { ...wish, cursor: first['next_cursor'] })).body;
    expect(second).toMatchObject({ matched: 202, more: false, next_cursor: null });
    const ids = [first, second].flatMap(({ refused }) => (refused as { id: string }[]).map(({ id }) => id));
    expect(new Set(ids).size).toBe(1202);
  });

  it('needs to say which tasks, and no more than it takes', async () => {
    const ids = [NOBODY];
    const wrong: [object, string][] = [
      [{ action: 'cancel' }, 'ids'],
      [{ action: 'cancel', ids, filter: {} }, 'ids'],
      [{ action: 'cancel', ids: [] }, 'ids'],
      [{ action: 'cancel', ids: [NOBODY, NOBODY] }, 'ids'],
      [{ action: 'cancel', ids, priority: 'P0' }, 'priority'],
      [{ action: 'set_priority', ids }, 'priority'],
      [{ action: 'delete', ids, reason: 'x' }, 'reason'],
      [{ action: 'finish', ids }, 'action'],
      [{ ids }, 'action'],
      [{ action: 'cancel', filter: { status: ['done'] } }, 'filter.status'],
      [{ action: 'cancel', filter: { novel: 1 } }, 'filter.novel'],
      [{ action: 'cancel', filter: null }, 'filter'],
      [{ action: 'cancel', ids, cursor: 'abc' }, 'cursor'],
      [{ action: 'cancel', ids: Array.from({ length: 1001 }, () => NOBODY) }, 'ids'],
    ];
    for (const [body, field] of wrong) {
      const answer = await ada.post('/tasks/actions', body);
      const fields = (answer.body['errors'] as { field: string }[]).map((fault) => fault.field);
      expect([body, answer.status, fields[0]]).toEqual([body, 400, field]);
    }
  });

  it('is for those who may change tasks, and deletes for those who may delete them', async () => {
    const id = await ada.task();
    const as = (role: string) =>
      server.sql.query('update organization_members set role = $2 where organization_id = $1', [
        ada.organization_id,
        role,
      ]);
    await as('viewer');
    expect((await ada.post('/tasks/actions', { action: 'cancel', ids: [id] })).status).toBe(403);
    await as('member');
    expect((await ada.post('/tasks/actions', { action: 'delete', ids: [id] })).body).toMatchObject({ changed: 1 });
  });
});

describe('the figures of tasks', () => {
  const stats = async (query = '') => (await ada.get(`/tasks/stats?${query}`)).body;
  const fold = () => server.app.get(DutiesService).runOnce(server.app.get(TaskCountsDuty));

  it('count each state, before and after they are folded', async () => {
    const none = { total: 0, blocked: 0, pending: 0, running: 0, completed: 0, failed: 0, cancelled: 0, skipped: 0 };
    expect(await stats()).toEqual({ ...none, oldest_pending_seconds: null });
    await oneOfEach();
    const each = { total: 7, blocked: 1, pending: 1, running: 1, completed: 1, failed: 1, cancelled: 1, skipped: 1 };
    const before = await stats();
    expect(before).toEqual({ ...each, oldest_pending_seconds: expect.any(Number) });
    await fold();
    expect(await stats()).toMatchObject(each);
    expect(await stats('agent_type=note')).toMatchObject({ total: 7 });
    expect(await stats('agent_type=codegen')).toEqual({ ...none, oldest_pending_seconds: null });
    expect(await stats(`repository_id=${NOBODY}`)).toEqual({ ...none, oldest_pending_seconds: null });
  });

  it('tell how long the longest has waited, and nothing of those whose time has not come', async () => {
    await ada.task({ run_at: '2999-01-01T00:00:00Z' });
    expect((await stats())['oldest_pending_seconds']).toBeNull();
    const [old] = [await ada.task({ priority: 'P1' }), await ada.task({ priority: 'P0' })];
    await server.sql.query(`update queue_entries set run_at = now() - interval '90 seconds' where task_id = $1`, [old]);
    const seconds = Number((await stats())['oldest_pending_seconds']);
    expect(seconds).toBeGreaterThanOrEqual(90);
    expect(seconds).toBeLessThan(100);
  });

  it('stay equal to a count of all tasks, through a random day with changes that are taken back', async () => {
    const random = () => Math.random();
    for (let round = 0; round < 4; round++) {
      await Promise.all([
        bulk(ada, [{ ref: 'a' }, { depends_on: ['a'] }, { agent_type: 'codegen' }, { concurrency_key: 'k' }]),
        bulk(ada, [{ max_retries: 0 }, { max_retries: 0 }]),
        // All of them are taken back.
        ada.post('/tasks/bulk', {
          tasks: [
            { name: 'x', agent_type: 'note' },
            { name: 'x', agent_type: 'note', depends_on: [NOBODY] },
          ],
        }),
        (async () => {
          await server.sql.query('begin');
          await server.sql.query(
            `update tasks set status = 'failed' where organization_id = $1 and status = 'pending'`,
            [ada.organization_id],
          );
          await server.sql.query('rollback');
        })(),
        fold(),
      ]);
      const claims = await worker.claim({ max: 100 });
      await Promise.all([
        ...claims.map(({ execution_id }) =>
          worker.finish(execution_id, random() < 0.5 ? SUCCESS : random() < 0.5 ? FAILURE : { outcome: 'released' }),
        ),
        fold(),
      ]);
      await actOn(ada, { action: 'retry', filter: { status: ['failed'] } });
      if (round === 1) await actOn(ada, { action: 'delete', filter: { status: ['completed'] } });
      const { rows } = await server.sql.query<{ status: string; tasks: number }>(
        'select status, count(*)::integer as tasks from tasks where organization_id = $1 group by status',
        [ada.organization_id],
      );
      const counted = Object.fromEntries(rows.map(({ status, tasks }) => [status, tasks]));
      expect(await stats()).toMatchObject({ ...counted, total: rows.reduce((sum, { tasks }) => sum + tasks, 0) });
    }
    await fold();
    const { rows } = await server.sql.query(
      `select (select count(*)::integer from task_count_changes) as changes,
              (select count(*)::integer from task_counts where tasks < 0) as negative`,
    );
    expect(rows).toEqual([{ changes: 0, negative: 0 }]);
  });
});
