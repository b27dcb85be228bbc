import { DutiesService } from '../src/duties/duties.service.js';
import { HeadsService } from '../src/queue/heads.service.js';
import { HeadsStore, type Moment } from '../src/queue/heads.store.js';
import { TasksService } from '../src/tasks/tasks.service.js';
import { Engine } from './engine.js';
import { eventually } from './eventually.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { statementsWait } from './lock-waits.js';
import { startTestApp, type TestApp } from './test-app.js';

describe('the head of a lane', () => {
  let server: TestApp;
  let ada: TestPerson;
  let worker: TestWorker;
  let engine: Engine;
  let moment: Moment;

  beforeEach(async () => {
    server = await startTestApp();
    ada = await signInPerson(server);
    engine = new Engine(server, ada);
    worker = await registerWorker(server, { capacity: 100 });
    moment = { at: '-infinity', next: '0' };
  });
  afterEach(() => server.close());

  const advance = async (since = moment): Promise<void> => {
    const { rows } = await server.sql.query<{ id: number }>('select id from queue_lanes');
    const lanes = rows.map(({ id }) => id);
    moment = await server.app.get(HeadsStore).advance(lanes, since);
  };
  const take = async (): Promise<string[]> => (await worker.claim({ max: 100 })).map(({ task_id }) => task_id);

  /** Heads as they are: of each priority whether it has moved, and the time of the first entry that is behind it. */
  const heads = async (): Promise<Record<string, { moved: boolean; hidden: number; gap: number | null }>> => {
    const { rows } = await server.sql.query<{ priority: string; moved: boolean; hidden: number; gap: number | null }>(
      `select h.priority, h.run_at > '-infinity' as moved,
              (select count(*)::integer from queue_entries q
               where q.lane_id = h.lane_id and q.priority = h.priority and q.run_at < h.run_at) as hidden,
              (select extract(epoch from min(q.run_at) - h.run_at)::float8 from queue_entries q
               where q.lane_id = h.lane_id and q.priority = h.priority) as gap
       from queue_heads h`,
    );
    return Object.fromEntries(rows.map(({ priority, ...head }) => [priority, head]));
  };

  /** Looks until the head is at the first entry: that waits for whoever writes in any database of this PostgreSQL. */
  const arrive = (priority: string): Promise<void> =>
    eventually(`the head of ${priority} is at the first entry`, async () => {
      await advance();
      const head = (await heads())[priority];
      return head?.moved === true && head.gap === 0;
    });

  it('moves to the first entry that is there, once nobody writes any more who did when it was looked at', async () => {
    await ada.task();
    await advance();
    expect((await heads())['P2']?.moved).toBe(false);
    await take();
    const left = await ada.task();
    await arrive('P2');
    expect((await heads())['P2']).toEqual({ moved: true, hidden: 0, gap: 0 });
    expect(await take()).toEqual([left]);
  });

  /** Whether a task that somebody writes while the lane is looked at stays behind its head. */
  async function hidesLateTask(look: () => Promise<void>): Promise<boolean> {
    let late = '';
    await server.database.transaction(async () => {
      late = await engine.task();
      await server.database.outside(async () => {
        await ada.task();
        expect(await take()).toHaveLength(1);
        for (let times = 0; times < 3; times++) await look();
      });
    });
    const { hidden } = (await heads())['P2'] ?? {};
    return !(await take()).includes(late) && hidden === 1;
  }

  it('stays before the task of somebody who has not committed yet, however often it is looked at', async () => {
    await ada.task();
    await take();
    expect(await hidesLateTask(advance)).toBe(false);
    // Without the moment it would be lost: this would be seen.
    expect(await hidesLateTask(() => advance({ at: 'infinity', next: '0' }))).toBe(true);
  });

  it('moves back for a task of another priority that keeps its place', async () => {
    const old = await ada.task({ priority: 'P2' });
    await ada.task({ priority: 'P1' });
    await arrive('P1');
    expect((await ada.patch(`/tasks/${old}`, { priority: 'P1' })).status).toBe(200);
    expect((await heads())['P1']).toEqual({ moved: true, hidden: 0, gap: 0 });
    expect((await take())[0]).toBe(old);
  });

  it('is not moved forward by who looked before a task was put before it', async () => {
    const old = await ada.task({ priority: 'P2' });
    const first = await ada.task({ priority: 'P1' });
    await advance();
    let looked: Promise<void> | undefined;
    await server.database.transaction(async () => {
      await server.app.get(TasksService).patch(engine.principal, old, { priority: 'P1' }, null);
      await server.database.outside(async () => {
        expect(await take()).toEqual([first]);
        looked = advance();
        await statementsWait(server, 1);
      });
    });
    await looked;
    expect((await heads())['P1']?.hidden).toBe(0);
    expect(await take()).toEqual([old]);
  });

  it('follows where the clock of the database has been set back, and is found to lie behind tasks', async () => {
    await ada.task();
    await take();
    await server.sql.query(`update queue_heads set run_at = now() + interval '1 hour'`);
    const created = await ada.task();
    expect((await heads())['P2']?.hidden).toBe(0);
    expect(await take()).toEqual([created]);
    const hidden = await ada.task();
    await server.sql.query(`update queue_heads set run_at = now() + interval '1 hour'`);
    expect(await take()).toEqual([]);
    await server.app.get(DutiesService).runOnce(server.app.get(HeadsService));
    expect(await take()).toEqual([hidden]);
  });

  it('follows the claims by itself', async () => {
    for (let round = 0; round < 6; round++) {
      const tasks = Array.from({ length: 100 }, () => ({ name: 'Do it', agent_type: 'note' }));
      expect((await ada.post('/tasks/bulk', { tasks })).status).toBe(201);
      const taken = await worker.claim({ max: 100 });
      expect(taken).toHaveLength(100);
      for (const { execution_id } of taken) await worker.finish(execution_id, { outcome: 'completed' });
    }
    expect((await heads())['P2']?.moved).toBe(true);
  }, 60_000);
});

describe('the room of a worker', () => {
  let server: TestApp;
  let ada: TestPerson;

  beforeEach(async () => {
    server = await startTestApp();
    ada = await signInPerson(server);
  });
  afterEach(() => server.close());

  it('is what it does not run, however many leases have been given since', async () => {
    const worker = await registerWorker(server, { capacity: 2 });
    for (let at = 0; at < 6; at++) await ada.task();
    for (let round = 0; round < 3; round++) {
      await server.sql.query(`select setval('leases_ordinal_seq', (select last_value from leases_ordinal_seq) + 2000)`);
      const [first, ...others] = await worker.claim({ max: 1 });
      expect(others).toEqual([]);
      const more = await worker.claim({ max: 5 });
      expect(more).toHaveLength(1);
      expect(await worker.claim({ max: 5 })).toEqual([]);
      expect((await ada.get(`/workers/${worker.id}`)).body).toMatchObject({
        active_tasks: 2,
        completed_tasks: round,
        failed_tasks: round,
      });
      await worker.finish(first?.execution_id ?? '', { outcome: 'completed' });
      await worker.finish(more[0]?.execution_id ?? '', { outcome: 'failed', retryable: false });
    }
    const { rows } = await server.sql.query('select first_lease > 2000 as moved from worker_liveness');
    expect(rows).toEqual([{ moved: true }]);
    expect((await ada.get(`/workers/${worker.id}`)).body).toMatchObject({
      active_tasks: 0,
      completed_tasks: 3,
      failed_tasks: 3,
      last_work_at: expect.any(String),
    });
  });

  it('is counted once in its figures, however many look at the same time', async () => {
    const worker = await registerWorker(server, { capacity: 20 });
    for (let at = 0; at < 20; at++) await ada.task();
    for (const { execution_id } of await worker.claim({ max: 20 }))
      await worker.finish(execution_id, { outcome: 'completed' });
    const answers = await Promise.all(Array.from({ length: 8 }, () => ada.get(`/workers/${worker.id}`)));
    expect(answers.map(({ body }) => (body as { completed_tasks: number }).completed_tasks)).toEqual(
      Array.from({ length: 8 }, () => 20),
    );
  });
});
