import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type pg from 'pg';
import { AttemptsService } from '../src/executions/attempts.service.js';
import { ExecutionsService } from '../src/executions/executions.service.js';
import { ClaimStore } from '../src/queue/claim.store.js';
import { TaskCreation } from '../src/tasks/task-creation.service.js';
import { TaskMovesStore } from '../src/tasks/task-moves.store.js';
import { TasksService } from '../src/tasks/tasks.service.js';
import { Cluster } from './cluster.js';
import { BY_HAND, Engine } from './engine.js';
import { figure, progress } from './figures.js';
import { registerWorker, signInPerson } from './fleet.js';
import { PATIENCE_MS, size } from './scale.js';
import { startTestApp } from './test-app.js';

const TASKS = size({ full: 10_000, short: 300 });
const FAILING = size({ full: 1000, short: 20 });
const KILLS = size({ full: 200, short: 3 });
const WORKERS = 8;
const PROCESSES = 2;
/** So many at once that about one batch comes with each kill. */
const BATCH = 50;
/** So many tasks there are before the first kill; the others come along with the kills. */
const LEAD = 500;
const RETRIES = 2;
/** Each kill takes the start of a server. */
const KILLING_MS = size({ full: 7_200_000, short: PATIENCE_MS });

/** What this test knows by answers it has got, beside what the database says. */
interface Ledger {
  acknowledged: Set<string>;
  /** Executions of a task that a worker was told are completed. */
  completed: Map<string, Set<string>>;
  kills: number;
  /** Kills while there was something to do. */
  killsUnderLoad: number;
  stopped: boolean;
}

const newLedger = (): Ledger => ({
  acknowledged: new Set(),
  completed: new Map(),
  kills: 0,
  killsUnderLoad: 0,
  stopped: false,
});

function noteCompleted(ledger: Ledger, task: string, execution: string): void {
  ledger.completed.set(task, (ledger.completed.get(task) ?? new Set()).add(execution));
}

const UNFINISHED = `tasks where status not in ('completed', 'failed')`;

/** What must not be, in the ledger and in the database. */
async function audit(sql: pg.Client, ledger: Ledger) {
  const count = async (what: string, ...parameters: unknown[]): Promise<number> =>
    (await sql.query<{ n: number }>(`select count(*)::int as n from ${what}`, parameters)).rows[0]?.n ?? 0;
  const toldTwice = [...ledger.completed.values()].filter((executions) => executions.size > 1).length;
  const completedTwice = await count(
    `(select from agent_executions where status = 'completed' group by task_id having count(*) > 1) x`,
  );
  return {
    lost: await count(`unnest($1::uuid[]) told (id) where not exists (select from tasks t where t.id = told.id)`, [
      ...ledger.acknowledged,
    ]),
    twice: toldTwice + completedTwice,
    stuck: await count(UNFINISHED),
    beyond: await count(
      `(select from agent_executions e join tasks t on t.id = e.task_id
        group by t.id, t.max_retries having count(*) > t.max_retries + 1) x`,
    ),
    left: (await count('leases')) + (await count('queue_entries')),
  };
}

let cluster: Cluster;
let person: string;

beforeAll(async () => {
  cluster = await Cluster.start(PROCESSES, {
    LEASE_SECONDS: '6',
    HEARTBEAT_SECONDS: '1',
    SWEEP_SECONDS: '0.5',
    SWEEP_GAP_SECONDS: '4',
    RETRY_BASE_SECONDS: '0.05',
  });
  person = await cluster.signIn();
}, PATIENCE_MS);
afterAll(() => cluster.stop());

/** Creates tasks in batches, along with the kills; a batch whose answer was lost is sent again under its key. */
async function create(ledger: Ledger, total: number, name: string): Promise<void> {
  for (let made = 0; made < total; made += BATCH) {
    while (made > LEAD + (ledger.kills / KILLS) * total) await pause(20);
    const tasks = Array.from({ length: Math.min(BATCH, total - made) }, () => ({
      name,
      agent_type: 'note',
      max_retries: RETRIES,
    }));
    const headers = { 'idempotency-key': randomUUID() };
    const { status, body } = await cluster.ask({
      token: person,
      method: 'POST',
      path: '/tasks/bulk',
      body: { tasks },
      headers,
    });
    if (status !== 201) throw new Error(`a batch was answered with ${String(status)} ${JSON.stringify(body)}`);
    for (const { id } of body['items'] as { id: string }[]) ledger.acknowledged.add(id);
  }
}

/** Claims and ends until it is told to stop. Tasks named `fails` never succeed. */
async function work(ledger: Ledger, name: string): Promise<void> {
  const { id, token } = await cluster.register(name, 20);
  const held = new Set<string>();
  const beating = setInterval(() => {
    const executions = [...held].map((execution) => ({ id: execution }));
    void cluster.attempt({ token, method: 'POST', path: `/workers/${id}/heartbeat`, body: { executions } });
  }, 1000);
  try {
    while (!ledger.stopped) {
      const body = { max: 10, wait_seconds: 1, request_key: randomUUID() };
      const { body: answer } = await cluster.ask({ token, method: 'POST', path: `/workers/${id}/claim`, body });
      const given = (answer['executions'] ?? []) as { execution: { id: string }; task: { id: string; name: string } }[];
      given.forEach(({ execution }) => held.add(execution.id));
      for (const { execution, task } of given) {
        const outcome = task.name === 'fails' ? 'failed' : 'completed';
        const path = `/executions/${execution.id}/finish`;
        const { status } = await cluster.ask({ token, method: 'POST', path, body: { outcome } });
        held.delete(execution.id);
        if (status === 200 && outcome === 'completed') noteCompleted(ledger, task.id, execution.id);
        else if (status !== 200 && status !== 409) throw new Error(`a finish was answered with ${String(status)}`);
      }
    }
  } finally {
    clearInterval(beating);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Kills the processes in turn, so that work goes on at one of them, and most of it is hit by a kill. */
async function kill(ledger: Ledger): Promise<void> {
  const said = progress('kills', KILLS);
  while (ledger.acknowledged.size === 0) await pause(20);
  for (; ledger.kills < KILLS; ledger.kills += 1) {
    await pause(Math.random() * 400);
    if ((await cluster.count(UNFINISHED)) > 0) ledger.killsUnderLoad += 1;
    await cluster.replace(ledger.kills % PROCESSES);
    said();
  }
}

/** Lets the workers go home once everything is done, or nothing more will be. */
async function endOfWork(ledger: Ledger): Promise<void> {
  const until = Date.now() + PATIENCE_MS / 2;
  while ((await cluster.count(UNFINISHED)) > 0 && Date.now() < until) await pause(200);
  ledger.stopped = true;
}

it(
  'no task is lost, none is completed twice and no budget is exceeded, however often the servers are killed',
  async () => {
    const ledger = newLedger();
    const creating = [create(ledger, TASKS, 'succeeds'), create(ledger, FAILING, 'fails')];
    const working = Array.from({ length: WORKERS }, (_, at) => work(ledger, `worker-${String(at)}`));
    await Promise.all([Promise.all([...creating, kill(ledger)]).then(() => endOfWork(ledger)), ...working]);

    const faults = await audit(cluster.sql, ledger);
    const wrong = await cluster.count(
      `tasks where (name = 'succeeds' and status <> 'completed') or (name = 'fails' and status <> 'failed')`,
    );
    const again = await cluster.count(
      `(select from agent_executions e join tasks t on t.id = e.task_id where t.name = 'succeeds'
        group by e.task_id having count(*) > 1) x`,
    );
    const kills = `${ledger.kills} SIGKILLs, ${ledger.killsUnderLoad} of them with work under way`;
    figure(1, 'tasks lost / completed twice / stuck', faults.lost, '/', faults.twice, '/', faults.stuck);
    figure(1, 'tasks and kills', TASKS + FAILING, `tasks, ${WORKERS} workers, ${PROCESSES} servers,`, kills);
    figure(1, 'tasks executed more than once', again, 'of', TASKS);
    figure(5, 'always failing tasks with more attempts than max_retries + 1', faults.beyond, 'of', FAILING);
    expect(faults).toEqual({ lost: 0, twice: 0, stuck: 0, beyond: 0, left: 0 });
    // A task whose workers were lost too often has failed by the rules; its budget was used up, not exceeded.
    expect(wrong).toBe(
      await cluster.count(`tasks where name = 'succeeds' and status = 'failed' and failure_reason = 'worker_lost'`),
    );
    expect(ledger.acknowledged.size).toBe(TASKS + FAILING);
  },
  KILLING_MS,
);

it('servers that die between two steps, or do not count, are caught by the same audit', async () => {
  const server = await startTestApp(BY_HAND);
  const broken = <T extends object>(service: abstract new (...given: never[]) => T, parts: Partial<T>) => {
    const instance = server.app.get<T>(service as never, { strict: false });
    Object.assign(instance, parts);
    return () => Object.keys(parts).forEach((name) => Reflect.deleteProperty(instance, name));
  };
  try {
    const person = await signInPerson(server);
    const worker = await registerWorker(server);
    const engine = new Engine(server, person);
    await engine.endGrace();
    const ledger = newLedger();

    // It answers, and dies before it commits.
    let mend = broken(TaskCreation, {
      create: async (...given) => {
        let created: Awaited<ReturnType<TaskCreation['create']>> | null = null;
        const creation = server.app.get(TaskCreation, { strict: false });
        const dying = server.database.transaction(async () => {
          created = await TaskCreation.prototype.create.apply(creation, given);
          throw new Error('died');
        });
        await dying.catch(() => undefined);
        return created!;
      },
    });
    ledger.acknowledged.add(await person.task());
    mend();

    // It takes tasks from the queue, and dies before it has made their executions.
    await person.task();
    mend = broken(ClaimStore, {
      claimAll: async () => {
        await server.sql.query('delete from queue_entries');
        return new Map();
      },
    });
    await worker.claim();
    mend();

    // It writes that an execution has ended, and dies before the task has.
    const half = await engine.running(worker);
    mend = broken(AttemptsService, {
      endAll: async (ends) => {
        await server.sql.query(
          `update agent_executions set status = 'completed', finished_at = now() where id = any ($1)`,
          [ends.map(({ lease }) => lease.execution_id)],
        );
        const tasks = await server.app
          .get(TasksService, { strict: false })
          .findByIds(ends.map(({ lease }) => lease.task_id));
        const executions = await server.app
          .get(ExecutionsService, { strict: false })
          .findByIds(ends.map(({ lease }) => lease.execution_id));
        return tasks.flatMap((task, at) => (executions[at] === undefined ? [] : [{ task, execution: executions[at] }]));
      },
    });
    const finish = (execution: string) => worker.finish(execution, { outcome: 'completed' });
    if ((await finish(half.execution_id)).status === 200) noteCompleted(ledger, half.task_id, half.execution_id);
    mend();
    await engine.lose(half.execution_id);
    const second = await engine.claim(worker, half.task_id);
    if ((await finish(second)).status === 200) noteCompleted(ledger, half.task_id, second);

    // It forgets how often a task has failed.
    const moves = server.app.get(TaskMovesStore, { strict: false });
    mend = broken(TaskMovesStore, {
      applyOutcomes: (outcomes) =>
        TaskMovesStore.prototype.applyOutcomes.call(
          moves,
          outcomes.map((outcome) => ({ ...outcome, retry_count: 0 })),
        ),
    });
    const failing = await engine.task({ max_retries: RETRIES });
    for (let attempt = 0; attempt <= RETRIES; attempt += 1)
      await worker.finish(await engine.claim(worker, failing), { outcome: 'failed', failure_reason: 'agent_error' });
    await finish(await engine.claim(worker, failing));
    mend();

    const { lost, twice, stuck, beyond } = await audit(server.sql, ledger);
    figure(
      1,
      'control: lost / completed twice / stuck on servers that die between steps',
      `${lost} / ${twice} / ${stuck}`,
    );
    figure(5, 'control: tasks with more attempts than max_retries + 1 without a count', beyond);
    expect({ lost, twice, stuck, beyond }).toEqual({ lost: 1, twice: 1, stuck: 1, beyond: 1 });
  } finally {
    await server.close();
  }
});
