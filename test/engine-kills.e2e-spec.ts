import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Cluster } from './cluster.js';
import { figure, progress } from './figures.js';
import { PATIENCE_MS, size } from './scale.js';

const TASKS = size({ full: 10_000, short: 300 });
const FAILING = size({ full: 1000, short: 40 });
const KILLS = size({ full: 200, short: 5 });
const WORKERS = 8;
const BATCH = 100;
const RETRIES = 2;

/** What this test knows by answers it has got, beside what the database says. */
interface Ledger {
  acknowledged: Set<string>;
  /** Executions of a task that a worker was told are completed. */
  completed: Map<string, Set<string>>;
  started: number;
  stopped: boolean;
}

let cluster: Cluster;
let person: string;

beforeAll(async () => {
  cluster = await Cluster.start(2, {
    LEASE_SECONDS: '6',
    HEARTBEAT_SECONDS: '1',
    SWEEP_SECONDS: '0.5',
    SWEEP_GAP_SECONDS: '4',
    RETRY_BASE_SECONDS: '0.05',
  });
  person = await cluster.signIn();
}, PATIENCE_MS);
afterAll(() => cluster.stop());

/** Creates tasks in batches; a batch whose answer was lost is sent again under its key. */
async function create(ledger: Ledger, total: number, name: string): Promise<void> {
  for (let made = 0; made < total; made += BATCH) {
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
      ledger.started += given.length;
      given.forEach(({ execution }) => held.add(execution.id));
      for (const { execution, task } of given) {
        const outcome = task.name === 'fails' ? 'failed' : 'completed';
        const path = `/executions/${execution.id}/finish`;
        const { status } = await cluster.ask({ token, method: 'POST', path, body: { outcome } });
        held.delete(execution.id);
        if (status === 200 && outcome === 'completed') {
          const known = ledger.completed.get(task.id) ?? new Set();
          ledger.completed.set(task.id, known.add(execution.id));
        } else if (status !== 200 && status !== 409) throw new Error(`a finish was answered with ${String(status)}`);
      }
    }
  } finally {
    clearInterval(beating);
  }
}

async function kill(ledger: Ledger): Promise<void> {
  const said = progress('kills', KILLS);
  for (let at = 0; at < KILLS; at += 1) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
    await cluster.replace(at % 2);
    said();
  }
  const until = Date.now() + PATIENCE_MS / 2;
  while ((await cluster.count(`tasks where status not in ('completed', 'failed')`)) > 0) {
    if (Date.now() > until) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  ledger.stopped = true;
}

it(
  'no task is lost, none is completed twice and no budget is exceeded, however often the servers are killed',
  async () => {
    const ledger: Ledger = { acknowledged: new Set(), completed: new Map(), started: 0, stopped: false };
    const workers = Array.from({ length: WORKERS }, (_, at) => work(ledger, `worker-${String(at)}`));
    const creating = (async () => {
      await create(ledger, TASKS, 'succeeds');
      await create(ledger, FAILING, 'fails');
    })();
    await Promise.all([creating.then(() => undefined), kill(ledger), ...workers]);

    const lost = TASKS + FAILING - (await cluster.count('tasks'));
    const unfinished = await cluster.count(`tasks where status not in ('completed', 'failed')`);
    const wrong = await cluster.count(
      `tasks where (name = 'succeeds' and status <> 'completed') or (name = 'fails' and status <> 'failed')`,
    );
    const twice = await cluster.count(
      `(select task_id from agent_executions where status = 'completed' group by task_id having count(*) > 1) x`,
    );
    const toldTwice = [...ledger.completed.values()].filter((executions) => executions.size > 1).length;
    const again = await cluster.count(
      `(select e.task_id from agent_executions e join tasks t on t.id = e.task_id where t.name = 'succeeds'
        group by e.task_id having count(*) > 1) x`,
    );
    const beyond = await cluster.count(
      `(select task_id from agent_executions where status = 'failed' group by task_id having count(*) > ${String(RETRIES + 1)}) x`,
    );
    const left = (await cluster.count('leases')) + (await cluster.count('queue_entries'));
    figure(1, 'tasks lost / completed twice / stuck', lost, '/', twice + toldTwice, '/', unfinished);
    figure(1, 'tasks and SIGKILLs', TASKS + FAILING, 'tasks,', KILLS, 'kills');
    figure(1, 'tasks executed more than once', again, 'of', TASKS);
    figure(5, 'tasks with more attempts than max_retries + 1', beyond, 'of', FAILING);
    expect({ lost, unfinished, twice, toldTwice, beyond, left }).toEqual({
      lost: 0,
      unfinished: 0,
      twice: 0,
      toldTwice: 0,
      beyond: 0,
      left: 0,
    });
    // A task whose workers were lost too often has failed by the rules; its budget was used up, not exceeded.
    expect(wrong).toBe(
      await cluster.count(`tasks where name = 'succeeds' and status = 'failed' and failure_reason = 'worker_lost'`),
    );
    expect(ledger.acknowledged.size).toBe(TASKS + FAILING);
  },
  PATIENCE_MS,
);
