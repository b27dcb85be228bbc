import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { LeaseSweepDuty } from '../src/executions/lease-sweep.duty.js';
import { IdempotencyStore } from '../src/idempotency/idempotency.store.js';
import { LeasesStore, type LeaseRow } from '../src/queue/leases.store.js';
import { LogAppendStore } from '../src/queue/log-append.store.js';
import { TasksService } from '../src/tasks/tasks.service.js';
import { figure } from './figures.js';
import { registerWorker, signInPerson, type TestPerson, type TestWorker } from './fleet.js';
import { PATIENCE_MS, size } from './scale.js';
import { startTestApp, type TestApp } from './test-app.js';

const STALE = size({ full: 334, short: 20 });
const RACES = size({ full: 1000, short: 20 });
const KEYS = size({ full: 100, short: 8 });
const POSTS = 20;
const AT_ONCE = 20;

let first: TestApp;
let second: TestApp;
let person: TestPerson;
/** The same person, at the other process. */
let elsewhere: TestPerson;

beforeAll(async () => {
  const JWT_SECRET = randomBytes(32).toString('base64');
  first = await startTestApp({ JWT_SECRET, SWEEP_SECONDS: '600', SWEEP_GAP_SECONDS: '3600' });
  second = await startTestApp({ JWT_SECRET, SWEEP_SECONDS: '600', SWEEP_GAP_SECONDS: '3600' }, first);
  await first.sql.query(
    `insert into duty_runs (name, last_run_at, last_success_at) values ('lease-sweep', now(), now())`,
  );
});
beforeEach(async () => {
  person = await signInPerson(first);
  elsewhere = { ...person, post: (path, body) => ask(second, person.token, path, body) };
});
afterAll(async () => {
  await second.close();
  await first.close();
});

async function ask(
  server: TestApp,
  token: string,
  path: string,
  body: object = {},
  headers: Record<string, string> = {},
) {
  const answer = await server.request
    .post(`/api/v1${path}`)
    .set({ Authorization: `Bearer ${token}`, ...headers })
    .send(body);
  return { status: answer.status, body: answer.body as Record<string, unknown> };
}

const sweep = (): Promise<void> =>
  first.database.transaction(() => first.app.get(LeaseSweepDuty, { strict: false }).runOnce());

/** Works through a list, or does something so many times, a few at once. */
async function inBatches<Item, Result>(
  of: number | readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const items = typeof of === 'number' ? new Array<Item>(of).fill(undefined as Item) : of;
  const results: Result[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE)
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(work))));
  return results;
}

/** Everything that a late word could change. */
async function record(taskIds: readonly string[]): Promise<unknown> {
  const { rows } = await first.sql.query(
    `select t.id, t.status, t.version, t.result, t.retry_count, t.current_execution_id,
            (select json_agg(json_build_array(e.id, e.status, e.result, e.progress, e.log_entries) order by e.attempt)
             from agent_executions e where e.task_id = t.id) as executions,
            (select json_agg(json_build_array(l.execution_id, l.progress, l.log_entries, l.cancel_requested_at))
             from leases l where l.task_id = t.id) as leases,
            (select count(*) from execution_logs o join agent_executions e on e.id = o.execution_id where e.task_id = t.id) as lines
     from tasks t where t.id = any ($1::uuid[]) order by t.id`,
    [taskIds],
  );
  return rows;
}

interface Stolen {
  task_id: string;
  /** The worker that was lost, and the one that has the task now, each with its execution. */
  late: { worker: TestWorker; execution: string };
  owner: { worker: TestWorker; execution: string };
}

/** Tasks that a worker has lost to another one; as many at a time as one sweep ends. */
async function steal(total: number): Promise<Stolen[]> {
  const stolen: Stolen[] = [];
  while (stolen.length < total) {
    const [late, owner] = [await registerWorker(first), await registerWorker(first)];
    await inBatches(Math.min(100, total - stolen.length), () => person.task({ max_retries: 5 }));
    const before = await late.claim({ max: 100 });
    await first.sql.query(`update leases set expires_at = now() - interval '1 second' where worker_id = $1`, [late.id]);
    await sweep();
    const after = new Map((await owner.claim({ max: 100 })).map((one) => [one.task_id, one.execution_id]));
    for (const { task_id, execution_id } of before)
      stolen.push({
        task_id,
        late: { worker: late, execution: execution_id },
        owner: { worker: owner, execution: after.get(task_id) ?? '' },
      });
  }
  return stolen;
}

/** What workers that do not know of their end still say; gives the statuses of the answers. */
async function sayLate(stolen: readonly Stolen[]): Promise<number[]> {
  const answers = await inBatches(stolen, async ({ late: { worker, execution } }) =>
    [
      await worker.post(`/executions/${execution}/logs`, { offset: 0, entries: [{ message: 'late' }] }),
      await worker.post(`/executions/${execution}/progress`, { progress: 99, message: 'late' }),
      await worker.post(`/executions/${execution}/finish`, { outcome: 'completed', result: { late: true } }),
    ].map(({ status }) => status),
  );
  return answers.flat();
}

describe('a late worker', () => {
  it(
    'is fenced: nothing it says of a task that another one has changes anything, and the owner goes on',
    async () => {
      const stolen = await steal(STALE);
      const ids = stolen.map(({ task_id }) => task_id);
      const before = await record(ids);
      const statuses = await sayLate(stolen);
      const refused = statuses.filter((status) => status === 409).length;
      figure(3, 'stale calls refused', refused, 'of', statuses.length);
      expect(refused).toBe(statuses.length);
      expect(await record(ids)).toEqual(before);
      const ended = await inBatches(stolen, ({ owner }) =>
        owner.worker.finish(owner.execution, { outcome: 'completed' }),
      );
      expect(ended.filter(({ status }) => status !== 200)).toEqual([]);
    },
    PATIENCE_MS,
  );

  it('without a fence ends what is not its own: this would be seen', async () => {
    const stolen = await steal(3);
    const ids = stolen.map(({ task_id }) => task_id);
    const before = await record(ids);
    const leases = first.app.get(LeasesStore, { strict: false });
    const logs = first.app.get(LogAppendStore, { strict: false });
    const lease =
      'select l.* from leases l join agent_executions e on e.task_id = l.task_id where e.id = $1 for update of l';
    leases.lockAll = (wanted) =>
      Promise.all(wanted.map(({ execution_id }) => first.database.one<LeaseRow>(lease, [execution_id])));
    logs.append = () => Promise.resolve({ stored_before: 0, stored: 1, task_id: '', organization_id: '' });
    try {
      const taken = (await sayLate(stolen)).filter((status) => status === 200).length;
      figure(3, 'control: stale calls that a server without a fence took', taken, 'of', stolen.length * 3);
      expect(taken).toBeGreaterThan(0);
      expect(await record(ids)).not.toEqual(before);
    } finally {
      Reflect.deleteProperty(leases, 'lockAll');
      Reflect.deleteProperty(logs, 'append');
    }
  });
});

/** Races of a cancellation with an end; gives how they came out. */
async function raceAll(total: number): Promise<string[]> {
  const worker = await registerWorker(first, { capacity: 256 });
  await inBatches(total, () => person.task({ max_retries: 0 }));
  const outcomes: string[] = [];
  for (let claimed = await worker.claim({ max: 100 }); claimed.length > 0; claimed = await worker.claim({ max: 100 }))
    outcomes.push(...(await inBatches(claimed, ({ task_id, execution_id }) => race(worker, task_id, execution_id))));
  return outcomes;
}

describe('a cancellation and an end at the same moment', () => {
  it(
    'leave one final state, and both are told the same',
    async () => {
      const outcomes = await raceAll(RACES);
      const wrong = outcomes.filter((outcome) => !outcome.startsWith('ok'));
      figure(6, 'races of cancel and finish that ended one way', outcomes.length - wrong.length, 'of', outcomes.length);
      expect(wrong).toEqual([]);
      expect(outcomes).toHaveLength(RACES);
    },
    PATIENCE_MS,
  );

  it('end in two ways if the cancellation looks first and writes afterwards: this would be seen', async () => {
    const tasks = second.app.get(TasksService, { strict: false });
    tasks.cancel = async (principal, id) => {
      const found = await tasks.find(principal, id);
      await second.database.query(`update tasks set status = 'cancelled' where id = $1`, [id]);
      return { ...found, status: 'cancelled' };
    };
    try {
      const outcomes = await raceAll(20);
      const wrong = outcomes.filter((outcome) => !outcome.startsWith('ok')).length;
      figure(6, 'control: races that ended in two ways without a lock', wrong, 'of', outcomes.length);
      expect(wrong).toBeGreaterThan(0);
    } finally {
      Reflect.deleteProperty(tasks, 'cancel');
    }
  });
});

/** Ends and cancels at once, at two processes; `ok` and how, or what did not fit together. */
async function race(worker: TestWorker, task: string, execution: string): Promise<string> {
  const [finish, cancel] = await Promise.all([
    worker.finish(execution, { outcome: 'completed' }),
    elsewhere.post(`/tasks/${task}/cancel`),
  ]);
  const { body } = await person.get(`/tasks/${task}`);
  const told = (finish.body['task'] as { status: string } | undefined)?.status;
  // Who comes first asks the worker to stop; a success that is there already counts.
  const fits =
    finish.status === 200 &&
    told === 'completed' &&
    body['status'] === 'completed' &&
    [202, 409].includes(cancel.status);
  return fits ? `ok ${String(cancel.status)}` : JSON.stringify([finish.status, told, cancel.status, body['status']]);
}

/** Posts with the same keys from everywhere at once; how many tasks came of it and how many ids were told. */
async function postAll(rounds: number): Promise<{ tasks: number; answers: number; ids: number }> {
  const told: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const key = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: POSTS }, (_, at) =>
        ask(
          at % 2 === 0 ? first : second,
          person.token,
          '/tasks',
          { name: 'once', agent_type: 'note' },
          { 'Idempotency-Key': key },
        ),
      ),
    );
    told.push(...answers.map(({ body }) => String(body['id'])));
  }
  const { rows } = await first.sql.query<{ n: number }>(
    `select count(*)::int as n from tasks where organization_id = $1 and name = 'once'`,
    [person.organization_id],
  );
  return { tasks: rows[0]?.n ?? 0, answers: told.length, ids: new Set(told).size };
}

it(
  'the same idempotency key gives one task and one answer, on all processes together',
  async () => {
    const { tasks, answers, ids } = await postAll(KEYS);
    figure(7, 'tasks of equal keys', tasks, 'of', KEYS, `keys; ${String(answers)} answers with ${String(ids)} ids`);
    expect({ tasks, ids }).toEqual({ tasks: KEYS, ids: KEYS });
  },
  PATIENCE_MS,
);

it('a key that is not locked gives several tasks: this would be seen', async () => {
  const stores = [first, second].map((server) => server.app.get(IdempotencyStore, { strict: false }));
  for (const store of stores)
    Object.assign(store, { tryLock: () => Promise.resolve(true), keep: () => Promise.resolve(true) });
  try {
    const { tasks } = await postAll(2);
    figure(7, 'control: tasks of 2 keys that are not locked', tasks);
    expect(tasks).toBeGreaterThan(2);
  } finally {
    for (const store of stores) ['tryLock', 'keep'].forEach((name) => Reflect.deleteProperty(store, name));
  }
});
