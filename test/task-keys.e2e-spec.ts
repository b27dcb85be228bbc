import { randomBytes } from 'node:crypto';
import { ConcurrencyStore } from '../src/queue/concurrency.store.js';
import { KeyPromotionDuty } from '../src/queue/key-promotion.duty.js';
import { DutiesService } from '../src/duties/duties.service.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { Rounds } from './rounds.js';
import { size } from './scale.js';
import { actOn, bulk, claimTask, end, SUCCESS } from './task-graphs.js';
import { startTestApp, type TestApp } from './test-app.js';

const ROUNDS = size({ full: 200, short: 15 });
const PATIENCE = 400;

let server: TestApp;
let second: TestApp;
let ada: TestPerson;
let worker: TestWorker;
let keys = 0;

beforeAll(async () => {
  // No duty mends what goes wrong here.
  const settings = { SWEEP_SECONDS: '600', SWEEP_GAP_SECONDS: '3600', JWT_SECRET: randomBytes(32).toString('base64') };
  server = await startTestApp(settings);
  second = await startTestApp(settings, server);
  ada = await signInPerson(server);
  worker = await registerWorker(server);
});
afterAll(async () => {
  await second.close();
  await server.close();
});

const key = () => `key ${String(++keys)}`;
const createAtSecond = async (concurrency_key: string): Promise<string> => {
  const { body } = await second.request
    .post('/api/v1/tasks')
    .set('Authorization', `Bearer ${ada.token}`)
    .send({ name: 'Do it', agent_type: 'note', concurrency_key });
  return (body as { id: string }).id;
};

/** Where the tasks of a key are: queued, running, waiting; and who holds it. */
async function places(
  concurrencyKey: string,
): Promise<{ queued: number; running: number; waiting: number; held: number }> {
  const { rows } = await server.sql.query(
    `select count(q.task_id)::integer as queued, count(*) filter (where t.status = 'running')::integer as running,
            count(w.task_id)::integer as waiting, count(k.task_id)::integer as held
     from tasks t left join queue_entries q on q.task_id = t.id left join concurrency_waits w on w.task_id = t.id
     left join concurrency_keys k on k.task_id = t.id where t.concurrency_key = $1`,
    [concurrencyKey],
  );
  return rows[0] as { queued: number; running: number; waiting: number; held: number };
}

const explain = async (id: string) =>
  (await ada.get(`/tasks/${id}/explain`)).body as {
    queue_position: number | null;
    reasons: { code: string; detail: string; task_id?: string }[];
  };

describe('tasks with the same concurrency_key', () => {
  it('are given to workers one after the other, the more urgent and older first', async () => {
    const concurrency_key = key();
    const made = await bulk(ada, [
      { name: 'first', concurrency_key },
      { name: 'third', concurrency_key },
      { name: 'fourth', concurrency_key },
      { name: 'second', concurrency_key, priority: 'P1' },
      { name: 'free', priority: 'P2' },
    ]);
    // Of those that come together the most urgent has it.
    const order: string[] = [];
    for (let got = 1; got > 0;) {
      const claims = await worker.claim({ max: 10 });
      got = claims.length;
      expect((await places(concurrency_key)).running).toBeLessThanOrEqual(1);
      for (const { execution_id, name } of claims) {
        order.push(name);
        await worker.finish(execution_id, SUCCESS);
      }
    }
    expect(order.filter((name) => name !== 'free')).toEqual(['second', 'first', 'third', 'fourth']);
    expect(made).toHaveLength(5);
    expect(await places(concurrency_key)).toEqual({ queued: 0, running: 0, waiting: 0, held: 0 });
  });

  it('of another organization do not wait for each other', async () => {
    const concurrency_key = key();
    const eve = await signInPerson(server);
    const own = await ada.task({ concurrency_key });
    const foreign = await eve.task({ concurrency_key });
    expect((await worker.claim({ max: 10 })).map(({ task_id }) => task_id).sort()).toEqual([own, foreign].sort());
  });

  it('say who holds it', async () => {
    const concurrency_key = key();
    const holder = await ada.task({ concurrency_key, name: 'Deploy' });
    const waiter = await ada.task({ concurrency_key });
    const told = await explain(waiter);
    expect(told).toMatchObject({ queue_position: null, reasons: [{ code: 'waits-for-key', task_id: holder }] });
    expect(told.reasons[0]?.detail).toBe(
      `"Deploy" has the same concurrency_key "${concurrency_key}" and is pending; this one is queued at its end.`,
    );
    await ada.post(`/tasks/${holder}/cancel`, {});
    expect((await explain(waiter)).reasons.map(({ code }) => code)).not.toContain('waits-for-key');
    await end(worker, waiter, SUCCESS);
  });

  it('go on when their holder is cancelled, deleted, blocked, put off or has failed', async () => {
    const later = '2999-01-01T00:00:00Z';
    const blocker = await ada.task({ run_at: later });
    const ways: ((holder: string) => Promise<unknown>)[] = [
      (holder) => ada.post(`/tasks/${holder}/cancel`, {}),
      (holder) => ada.delete(`/tasks/${holder}`),
      (holder) => ada.post(`/tasks/${holder}/dependencies`, { depends_on_task_id: blocker }),
      (holder) => ada.patch(`/tasks/${holder}`, { run_at: later }),
      (holder) => end(worker, holder, { outcome: 'failed', failure_reason: 'agent_error' }),
    ];
    for (const way of ways) {
      const concurrency_key = key();
      const [holder, next] = [await ada.task({ concurrency_key }), await ada.task({ concurrency_key })];
      await way(holder);
      expect(await places(concurrency_key)).toMatchObject({ queued: 1, held: 1 });
      await end(worker, next, SUCCESS);
    }
    await ada.post(`/tasks/${blocker}/cancel`, {});
  });

  it('are not held up by one whose time has not come', async () => {
    const concurrency_key = key();
    const early = await ada.task({ concurrency_key, run_at: new Date(Date.now() + 3_600_000).toISOString() });
    expect(await places(concurrency_key)).toEqual({ queued: 0, running: 0, waiting: 1, held: 0 });
    expect((await explain(early)).reasons.map(({ code }) => code)).toEqual(['scheduled']);
    const now = await ada.task({ concurrency_key });
    await end(worker, now, SUCCESS);
    expect(await places(concurrency_key)).toEqual({ queued: 0, running: 0, waiting: 1, held: 0 });
    // Its time comes while nobody has the key: the duty sees to it.
    await server.sql.query(`update concurrency_waits set run_at = now() - interval '1 second' where task_id = $1`, [
      early,
    ]);
    await server.app.get(DutiesService).runOnce(server.app.get(KeyPromotionDuty));
    await end(worker, early, SUCCESS);
  });

  it('are promoted however many wait for keys that others hold', async () => {
    const [busy, idle] = [key(), key()];
    const holder = await ada.task({ concurrency_key: busy });
    const waiters = await bulk(
      ada,
      Array.from({ length: 120 }, () => ({ concurrency_key: busy })),
    );
    const late = await ada.task({ concurrency_key: idle, run_at: '2999-01-01T00:00:00Z' });
    await server.sql.query('update concurrency_waits set run_at = now() where task_id = $1', [late]);
    await server.app.get(DutiesService).runOnce(server.app.get(KeyPromotionDuty));
    expect(await places(idle)).toEqual({ queued: 1, running: 0, waiting: 0, held: 1 });
    const ids = [holder, late, ...waiters.map(({ id }) => id)];
    // The last first, so that none of them gets the key only to be cancelled.
    for (const part of [ids.slice(1), ids.slice(0, 1)]) await actOn(ada, { action: 'cancel', ids: part });
    expect(await places(busy)).toEqual({ queued: 0, running: 0, waiting: 0, held: 0 });
  });

  it('keep their place when something else about them changes, and lose it to the more urgent', async () => {
    const concurrency_key = key();
    const holder = await ada.task({ concurrency_key });
    const [a, b, c] = [
      await ada.task({ concurrency_key, name: 'a' }),
      await ada.task({ concurrency_key, name: 'b' }),
      await ada.task({ concurrency_key, name: 'c' }),
    ];
    await ada.patch(`/tasks/${a}`, { name: 'A', required_labels: ['gpu'] });
    await ada.patch(`/tasks/${c}`, { priority: 'P0' });
    const gpu = await registerWorker(server, { labels: ['gpu'] });
    await end(gpu, holder, SUCCESS);
    const order: string[] = [];
    for (let at = 0; at < 3; at++) {
      const [claim] = await gpu.claim({ max: 5 });
      order.push(claim?.name ?? '');
      await gpu.finish(claim?.execution_id ?? '', SUCCESS);
    }
    expect(order).toEqual(['c', 'A', 'b']);
    expect(b).toBeDefined();
  });

  it('of a chain hand it on to the one that waits for them', async () => {
    const concurrency_key = key();
    const [a, b] = await bulk(ada, [
      { ref: 'a', concurrency_key },
      { depends_on: ['a'], concurrency_key },
    ]);
    await end(worker, a?.id ?? '', SUCCESS);
    expect(await places(concurrency_key)).toEqual({ queued: 1, running: 0, waiting: 0, held: 1 });
    await end(worker, b?.id ?? '', SUCCESS);
  });
});

describe('two tasks with the same key, of which one ends while the other arrives', () => {
  /** Counts what is wrong: two at once, or none where nobody holds the key. */
  const round = async (): Promise<string | null> => {
    const concurrency_key = key();
    const first = await ada.task({ concurrency_key });
    const execution = await claimTask(worker, first);
    const [, next] = await Promise.all([worker.finish(execution, SUCCESS), createAtSecond(concurrency_key)]);
    const found = await places(concurrency_key);
    await server.sql.query(
      `with q as (delete from queue_entries where task_id = $1), w as (delete from concurrency_waits where task_id = $1),
            k as (delete from concurrency_keys where task_id = $1) delete from tasks where id = $1`,
      [next],
    );
    const isRight = found.queued === 1 && found.waiting === 0 && found.held === 1;
    return isRight ? null : JSON.stringify(found);
  };

  it('never leave it waiting for a key that nobody holds', async () => {
    const races = new Rounds();
    expect(await races.wrong(ROUNDS, round)).toEqual([]);
    races.tell('races for a concurrency key');
  });

  it('would leave it waiting if the one that ends looked by the time of its transaction', async () => {
    // What came to wait after the transaction began is not seen, as with `run_at <= now()`.
    const stores = [server, second].map(({ app, database }) => {
      const store = app.get(ConcurrencyStore);
      const release = async (taskId: string) => {
        await database.query(
          `delete from concurrency_keys k where task_id = $1 and not exists (
             select from concurrency_waits w where w.key = k.key and w.run_at <= now())`,
          [taskId],
        );
        return ConcurrencyStore.prototype.release.call(store, taskId);
      };
      return Object.assign(store, { release });
    });
    let isCaught = false;
    for (let at = 0; at < PATIENCE && !isCaught; at++) isCaught = (await round()) !== null;
    stores.forEach((store) => Reflect.deleteProperty(store, 'release'));
    expect(isCaught).toBe(true);
  });

  it('never run both, and always go on, while many come and go', async () => {
    const concurrency_key = key();
    const total = 30;
    let [made, done, most] = [0, 0, 0];
    const produce = async (): Promise<void> => {
      while (made < total) {
        made += 1;
        await (made % 2 === 0 ? createAtSecond(concurrency_key) : ada.task({ concurrency_key }));
      }
    };
    const colleague = await registerWorker(server);
    const consume = async (own: TestWorker): Promise<void> => {
      for (const until = Date.now() + 40_000; done < total && Date.now() < until;) {
        for (const { execution_id } of await own.claim({ max: 5 })) {
          most = Math.max(most, (await places(concurrency_key)).running);
          await own.finish(execution_id, SUCCESS);
          done += 1;
        }
      }
    };
    await Promise.all([produce(), produce(), consume(worker), consume(colleague)]);
    expect([done, most]).toEqual([total, 1]);
    expect(await places(concurrency_key)).toEqual({ queued: 0, running: 0, waiting: 0, held: 0 });
  });
});
