import { randomBytes } from 'node:crypto';
import { DependenciesStore } from '../src/tasks/dependencies.store.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { Rounds } from './rounds.js';
import { size } from './scale.js';
import { bulk, claimTask, FAILURE, statusesOf, SUCCESS } from './task-graphs.js';
import { startTestApp, type TestApp } from './test-app.js';

const ROUNDS = size({ full: 200, short: 15 });
const races = new Rounds();
/** A broken control shows itself within so many rounds. */
const PATIENCE = 400;

let server: TestApp;
let second: TestApp;
let ada: TestPerson;
let worker: TestWorker;
let colleague: TestWorker;

beforeAll(async () => {
  const settings = { SWEEP_SECONDS: '600', SWEEP_GAP_SECONDS: '3600', JWT_SECRET: randomBytes(32).toString('base64') };
  server = await startTestApp(settings);
  second = await startTestApp(settings, server);
  ada = await signInPerson(server);
  // Ends of one worker's attempts follow each other anyway; those of two do not.
  [worker, colleague] = [await registerWorker(server), await registerWorker(server)];
});
afterAll(async () => {
  races.tell('races of dependencies');
  await second.close();
  await server.close();
});

/** Runs rounds with parts of the store replaced until one goes wrong: so the test sees what it is there to see. */
async function isCaught(broken: Partial<DependenciesStore>, round: () => Promise<string | null>): Promise<boolean> {
  const stores = [server, second].map(({ app }) => app.get(DependenciesStore));
  const whole = stores.map((store) => Object.keys(broken).map((name) => [name, Reflect.get(store, name) as unknown]));
  stores.forEach((store) => Object.assign(store, broken));
  try {
    for (let at = 0; at < PATIENCE; at++) if ((await round()) !== null) return true;
    return false;
  } finally {
    stores.forEach((store, at) => Object.assign(store, Object.fromEntries(whole[at] as [string, unknown][])));
  }
}

const databaseOf = (store: DependenciesStore) => Reflect.get(store, 'database') as TestApp['database'];

/** The same person at the other process. */
const atSecond = async (path: string, body: object) => {
  const { status } = await second.request.post(`/api/v1${path}`).set('Authorization', `Bearer ${ada.token}`).send(body);
  return status;
};
const wait = async (id: string, forId: string) =>
  (await ada.post(`/tasks/${id}/dependencies`, { depends_on_task_id: forId })).status;
const waitAtSecond = (id: string, forId: string) =>
  atSecond(`/tasks/${id}/dependencies`, { depends_on_task_id: forId });
const ids = async (tasks: readonly object[]) =>
  (await bulk(ada, tasks)).map(({ id }) => id) as [string, string, string];
const clear = (...tasks: string[]) =>
  server.sql.query(
    'with queued as (delete from queue_entries where task_id = any ($1)) delete from tasks where id = any ($1)',
    [tasks],
  );
const later = { run_at: '2999-01-01T00:00:00Z' };

/** Whether tasks that wait for each other were let through. */
async function hasCycle(tasks: readonly string[]): Promise<boolean> {
  const { rowCount } = await server.sql.query(
    `with recursive walk (start, id) as (
       select task_id, depends_on_id from task_dependencies where task_id = any ($1::uuid[])
       union select w.start, d.depends_on_id from walk w join task_dependencies d on d.task_id = w.id
     ) select 1 from walk where start = id limit 1`,
    [tasks],
  );
  return rowCount !== 0;
}

describe('edges that close a cycle together', () => {
  const two = async (): Promise<string | null> => {
    const [a, b] = await ids([later, later]);
    const answers = await Promise.all([wait(a, b), waitAtSecond(b, a)]);
    const cycle = await hasCycle([a, b]);
    await clear(a, b);
    return cycle || answers.sort().join() !== '201,409' ? answers.join() : null;
  };
  const three = async (): Promise<string | null> => {
    const [a, b, c] = await ids([later, later, later]);
    const answers = await Promise.all([wait(a, b), waitAtSecond(b, c), wait(c, a)]);
    const cycle = await hasCycle([a, b, c]);
    await clear(a, b, c);
    return cycle || answers.sort().join() !== '201,201,409' ? answers.join() : null;
  };

  /** Two edges between which there are others: no task is touched by both. */
  const far = async (): Promise<string | null> => {
    const made = await ids([
      { ...later, ref: 'a', depends_on: ['d'] },
      { ...later, ref: 'b' },
      { ...later, ref: 'c', depends_on: ['b'] },
      { ...later, ref: 'd' },
    ]);
    const [a, b, c, d] = made as unknown as [string, string, string, string];
    const answers = await Promise.all([wait(b, a), waitAtSecond(d, c)]);
    const cycle = await hasCycle(made);
    await clear(a, b, c, d);
    return cycle || answers.sort().join() !== '201,409' ? answers.join() : null;
  };

  it('of two: one of them is refused', async () => {
    expect(await races.wrong(ROUNDS / 2, two)).toEqual([]);
  });

  it('of three: one of them is refused', async () => {
    expect(await races.wrong(ROUNDS / 2, three)).toEqual([]);
  });

  it('of two that have no task in common: one of them is refused', async () => {
    expect(await races.wrong(ROUNDS / 2, far)).toEqual([]);
  });

  it('would be let through without the lock of the graph', async () => {
    expect(await isCaught({ lockGraph: () => Promise.resolve() }, far)).toBe(true);
  });
});

describe('the last two dependencies of a task that complete at once', () => {
  const round = async (): Promise<string | null> => {
    const made = await ids([{ ref: 'a' }, { ref: 'b' }, { depends_on: ['a', 'b'] }]);
    const claims = [...(await worker.claim()), ...(await colleague.claim())].map((claim) => claim.execution_id);
    const answers = await Promise.all(
      [worker, colleague].map((one, at) => one.finish(claims[at] ?? '', SUCCESS).then(({ status }) => status)),
    );
    const found = (await statusesOf(server, made)).join();
    await clear(...made);
    return found === 'completed,completed,pending' ? null : `${found} after ${answers.join()}`;
  };

  it('free it, always', async () => {
    expect(await races.wrong(ROUNDS, round)).toEqual([]);
  });

  it('would leave it blocked if it were looked at before its lock', async () => {
    // As if the question stood in the statement that locks: it sees what was there when that began.
    const looks = new Map<string, ReturnType<DependenciesStore['countOpen']>>();
    const lookFirst = {
      async lockDependents(this: DependenciesStore, ids: readonly string[]): Promise<string[]> {
        const found = await Promise.all(ids.map((id) => this.findDependents(id, null, 100)));
        const taskIds = found.flatMap((tasks) => tasks.map(({ id }) => id)).sort();
        if (taskIds.length > 0) looks.set(ids.join(), Promise.resolve(await this.countOpen(taskIds)));
        return DependenciesStore.prototype.lockDependents.call(this, ids);
      },
      countOpen(this: DependenciesStore, taskIds: readonly string[]) {
        const [taskId, look] = [...looks].at(-1) ?? [];
        if (taskId === undefined || look === undefined)
          return DependenciesStore.prototype.countOpen.call(this, taskIds);
        looks.delete(taskId);
        return look;
      },
    };
    expect(await isCaught(lookFirst as Partial<DependenciesStore>, round)).toBe(true);
  });
});

describe('the retry of a task, while what it depends on ends', () => {
  /** A cancelled task whose dependency runs. */
  const prepare = async () => {
    const [a, b] = await ids([{ ref: 'a' }, { depends_on: ['a'] }]);
    await ada.post(`/tasks/${b}/cancel`, {});
    return { a, b, execution: await claimTask(worker, a) };
  };
  const success = async (): Promise<string | null> => {
    const { a, b, execution } = await prepare();
    await Promise.all([ada.post(`/tasks/${b}/retry`), worker.finish(execution, SUCCESS)]);
    const [status] = await statusesOf(server, [b]);
    await clear(a, b);
    return status === 'pending' ? null : String(status);
  };
  const failure = async (): Promise<string | null> => {
    const { a, b, execution } = await prepare();
    await Promise.all([ada.post(`/tasks/${b}/retry`), worker.finish(execution, FAILURE)]);
    const { body } = await ada.get(`/tasks/${b}/explain`);
    const reasons = body['reasons'] as { code: string; task_id: string }[];
    await clear(a, b);
    // Skipped, or blocked by the wish of somebody who could see why.
    const isTold = reasons.length === 1 && reasons[0]?.code === 'dependency-ended' && reasons[0].task_id === a;
    return isTold ? null : JSON.stringify(body);
  };

  it('well: it is queued, always', async () => {
    expect(await races.wrong(ROUNDS, success)).toEqual([]);
  });

  it('badly: it is skipped or says what is in its way', async () => {
    expect(await races.wrong(ROUNDS / 2, failure)).toEqual([]);
  });

  it('would stay blocked if only those that seem to wait were locked', async () => {
    const broken = {
      async lockDependents(this: DependenciesStore, taskIds: readonly string[]): Promise<string[]> {
        const rows = await databaseOf(this).query<{ id: string }>(
          `select t.id from tasks t where t.status in ('blocked', 'skipped')
             and t.id in (select task_id from task_dependencies where depends_on_id = any ($1))
           order by t.id for no key update`,
          [taskIds],
        );
        return rows.map(({ id }) => id);
      },
    };
    expect(await isCaught(broken as unknown as Partial<DependenciesStore>, success)).toBe(true);
  });
});

describe('an edge to a task that is cancelled meanwhile', () => {
  it('skips the one that waits, whichever was first', async () => {
    const outcomes = new Set<string>();
    const faults = await races.wrong(ROUNDS / 2, async () => {
      const [a, b] = await ids([later, later]);
      const [added] = await Promise.all([wait(b, a), atSecond(`/tasks/${a}/cancel`, {})]);
      const found = (await statusesOf(server, [a, b])).join();
      outcomes.add(found);
      await clear(a, b);
      return added === 201 && found === 'cancelled,skipped' ? null : `${String(added)} ${found}`;
    });
    expect(faults).toEqual([]);
    expect([...outcomes]).toEqual(['cancelled,skipped']);
  });

  it('is skipped in the middle of a row that is retried at the other end', async () => {
    const faults = await races.wrong(ROUNDS / 2, async () => {
      const [a, b, c] = await ids([{ ...later, ref: 'a' }, { ref: 'b', depends_on: ['a'] }, { depends_on: ['b'] }]);
      await ada.post(`/tasks/${c}/cancel`, {});
      await Promise.all([ada.post(`/tasks/${c}/retry`), atSecond(`/tasks/${a}/cancel`, {})]);
      const [, , last] = await statusesOf(server, [a, b, c]);
      const { body } = await ada.get(`/tasks/${c}/explain`);
      const told = (body['reasons'] as { task_id?: string }[]).map(({ task_id }) => task_id);
      await clear(a, b, c);
      return last !== 'pending' && told.join() === b ? null : JSON.stringify(body);
    });
    expect(faults).toEqual([]);
  });
});

describe('one task, wanted by two at once', () => {
  it('is deleted or claimed, never both', async () => {
    const faults = await races.wrong(ROUNDS, async () => {
      const id = await ada.task();
      const [claims, deleted] = await Promise.all([worker.claim({ max: 1 }), ada.delete(`/tasks/${id}`)]);
      const outcome = `${String(claims.length)} claimed, ${String(deleted.status)}`;
      for (const { execution_id } of claims) await worker.finish(execution_id, SUCCESS);
      const { rowCount } = await server.sql.query(
        'select 1 from leases where task_id = $1 union all select 1 from queue_entries where task_id = $1',
        [id],
      );
      await clear(id);
      return ['1 claimed, 409', '0 claimed, 204'].includes(outcome) && rowCount === 0 ? null : outcome;
    });
    expect(faults).toEqual([]);
  });

  it('is swept and retried in one order or the other', async () => {
    const sweeper = await startTestApp({ SWEEP_SECONDS: '0.1', SWEEP_GAP_SECONDS: '3600' }, server);
    try {
      const outcomes: Record<string, number> = {};
      const faults = await races.wrong(ROUNDS / 2, async () => {
        const id = await ada.task({ max_retries: 0 });
        const execution = await claimTask(worker, id);
        await server.sql.query(
          `update leases set expires_at = now() - interval '1 second', deadline_at = now() - interval '1 hour'
           where execution_id = $1`,
          [execution],
        );
        let answer = 409;
        // Until it may be retried at all: the first to be let through must find a task that has ended.
        for (const until = Date.now() + 10_000; answer === 409 && Date.now() < until;)
          answer = (await ada.post(`/tasks/${id}/retry`)).status;
        const [status] = await statusesOf(server, [id]);
        const { rows } = await server.sql.query<{ queued: number; leased: number }>(
          `select (select count(*)::integer from queue_entries where task_id = $1) as queued,
                  (select count(*)::integer from leases where task_id = $1) as leased`,
          [id],
        );
        const outcome = `${String(answer)} ${String(status)} ${JSON.stringify(rows[0])}`;
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        await clear(id);
        return outcome === '200 pending {"queued":1,"leased":0}' ? null : outcome;
      });
      expect(faults).toEqual([]);
    } finally {
      await sweeper.close();
    }
  });
});
