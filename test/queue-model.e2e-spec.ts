import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LeaseReportStore } from '../src/queue/lease-report.store.js';
import { LeasesStore, type LeaseRow } from '../src/queue/leases.store.js';
import { ConcurrencyStore } from '../src/queue/concurrency.store.js';
import { DependenciesStore } from '../src/tasks/dependencies.store.js';
import { QueueModel, type NewModelTask, type Outcome, type Reason } from './queue-model.js';
import { QueueSystem, type StepOutcome } from './queue-system.js';
import type { TestApp } from './test-app.js';

const FULL = process.env['VERIFY'] === 'full';
const HISTORIES = Number(process.env['QUEUE_HISTORIES'] ?? (FULL ? 10_000 : 60));
/** One of a failure that was seen replays it: QUEUE_SEED, and QUEUE_PATH to begin with the smallest history. */
const SEED = Number(process.env['QUEUE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const CAPACITIES = [2, 3];
const DAY = 86_400;

let server: TestApp;

beforeAll(async () => {
  server = await QueueSystem.server();
});
afterAll(() => server.close());

/** One step of a history. Numbers name tasks, executions and workers by their index, modulo how many there are. */
type Step =
  | { do: 'create'; task: NewModelTask; crash: number }
  | { do: 'claim'; worker: number; max: number; crash: number }
  | { do: 'beat'; worker: number; named: number[] }
  | { do: 'finish'; execution: number; outcome: Outcome; reason: Reason; crash: number }
  | { do: 'change'; task: number; what: 'cancel' | 'retry' | 'remove' | 'P0' | 'P1' | 'P2'; crash: number }
  | { do: 'depend'; task: number; on: number; how: 'add' | 'remove'; crash: number }
  | { do: 'sweep' | 'promote'; crash: number }
  | { do: 'pass'; seconds: number };

const index = fc.nat(30);
/** Mostly none; else the statement at which the database is lost. */
const crash = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 14 }) },
);
const priority = fc.constantFrom('P0' as const, 'P1' as const, 'P2' as const);
const newTask: fc.Arbitrary<NewModelTask> = fc.record({
  priority,
  key: fc.constantFrom(null, null, 'k', 'k', 'l'),
  deps: fc.array(index, { maxLength: 3 }),
  max_retries: fc.nat(2),
  timeout_seconds: fc.constantFrom(100, 3600),
  delay: fc.constantFrom(0, 0, 0, DAY),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('create' as const), task: newTask, crash }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      worker: index,
      max: fc.integer({ min: 1, max: 3 }),
      crash,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('beat' as const), worker: index, named: fc.array(index, { maxLength: 3 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      execution: index,
      outcome: fc.constantFrom(
        'completed' as const,
        'completed' as const,
        'failed' as const,
        'failed' as const,
        'cancelled' as const,
        'released' as const,
      ),
      reason: fc.constantFrom('agent_error' as const, 'auth' as const, 'rate_limited' as const),
      crash,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      task: index,
      what: fc.constantFrom(
        'cancel' as const,
        'retry' as const,
        'retry' as const,
        'remove' as const,
        'P0' as const,
        'P1' as const,
        'P2' as const,
      ),
      crash,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('depend' as const),
      task: index,
      on: index,
      how: fc.constantFrom('add' as const, 'add' as const, 'remove' as const),
      crash,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('sweep' as const, 'promote' as const), crash }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), seconds: fc.constantFrom(30, 61, 130, DAY) }) },
);

const history = fc.array(step, { minLength: 1, maxLength: 30, size: 'max' });

/** Runs a history through both and compares them after each step. */
async function replay(steps: readonly Step[]): Promise<void> {
  const model = new QueueModel(CAPACITIES);
  const system = await QueueSystem.begin(server, CAPACITIES);
  try {
    for (const [at, one] of steps.entries()) {
      await take(one, model, system);
      await compare(`step ${String(at)} ${JSON.stringify(one)}`, model, system);
    }
  } finally {
    await system.end();
  }
}

/** Does one step in both. What the system lost its database in without a commit has not happened. */
async function take(one: Step, model: QueueModel, system: QueueSystem): Promise<void> {
  const tasks = system.tasks.length;
  const executions = system.executions.length;
  model.begin();
  system.crashAtStatement('crash' in one && one.crash > 0 ? one.crash : Infinity);
  const agree = async <T>(asked: Promise<StepOutcome<T>>, expected: () => T | string): Promise<void> => {
    const { result, committed } = await asked;
    if (result === 'database/unavailable' && !committed) return;
    const wanted = expected();
    if (result !== 'database/unavailable') expect(result).toEqual(wanted);
  };
  switch (one.do) {
    case 'create': {
      const deps = tasks === 0 ? [] : [...new Set(one.task.deps.map((dep) => dep % tasks))];
      const task = { ...one.task, deps: deps.filter((dep) => !model.tasks[dep]?.deleted) };
      await agree(system.create(task), () => model.create(task));
      return;
    }
    case 'claim': {
      const worker = one.worker % CAPACITIES.length;
      let given: number[] = [];
      await agree(
        system.claim(worker, one.max).then((outcome) => ({
          ...outcome,
          result: Array.isArray(outcome.result) ? [...outcome.result].sort((a, b) => a - b) : outcome.result,
        })),
        () => [...(given = model.claim(worker, one.max))].sort((a, b) => a - b),
      );
      await system.adopt(given);
      return;
    }
    case 'beat': {
      if (executions === 0) return;
      const named = [...new Set(one.named.map((each) => each % executions))].sort((a, b) => a - b);
      const worker = one.worker % CAPACITIES.length;
      await agree(system.beat(worker, named), () => model.beat(worker, named));
      return;
    }
    case 'finish': {
      if (executions === 0) return;
      const execution = one.execution % executions;
      const worker = model.executions[execution]?.worker ?? 0;
      await agree(system.finish(execution, worker, one.outcome, one.reason), () =>
        model.finish(execution, one.outcome, one.reason),
      );
      return;
    }
    case 'change': {
      if (tasks === 0) return;
      const task = one.task % tasks;
      await agree(system.change(task, one.what), () => changed(model, task, one.what));
      return;
    }
    case 'depend': {
      if (tasks === 0) return;
      const [task, on] = [one.task % tasks, one.on % tasks];
      await agree(system.depend(task, on, one.how), () =>
        one.how === 'add' ? model.addDependency(task, on) : model.removeDependency(task, on),
      );
      return;
    }
    case 'sweep':
    case 'promote':
      await agree(system[one.do](), () => {
        model[one.do]();
        return 'ok';
      });
      return;
    case 'pass':
      model.pass(one.seconds);
      await system.pass(one.seconds);
  }
}

function changed(model: QueueModel, task: number, what: 'cancel' | 'retry' | 'remove' | 'P0' | 'P1' | 'P2'): string {
  if (what === 'cancel') return model.cancel(task);
  if (what === 'retry') return model.retry(task);
  return what === 'remove' ? model.remove(task) : model.setPriority(task, what);
}

async function compare(where: string, model: QueueModel, system: QueueSystem): Promise<void> {
  const expected = model.tasks.map((task, at) =>
    task.deleted
      ? null
      : {
          status: task.status,
          retry_count: task.retry_count,
          attempts: task.attempts,
          place: task.place?.kind ?? null,
          leased: task.status === 'running',
          holds_key: task.key !== null && model.holderOf(task.key) === at,
        },
  );
  expect({ where, tasks: await system.look() }).toEqual({ where, tasks: expected });
  const executions = model.executions.map(({ task, status }) => (model.tasks[task]?.deleted ? null : status));
  expect({ where, executions: await system.executionStatuses() }).toEqual({ where, executions });
}

const check = (runs: number, seed: number, endOnFailure: boolean): Promise<fc.RunDetails<[readonly Step[]]>> =>
  fc.check(fc.asyncProperty(history, replay), {
    numRuns: runs,
    seed,
    ...(process.env['QUEUE_PATH'] !== undefined && { path: process.env['QUEUE_PATH'] }),
    // A control only has to be caught; looking for its smallest history takes long.
    endOnFailure,
  });

it(`does what its model does, in ${String(HISTORIES)} histories of creating, claiming, beating, ending, losing and waiting`, async () => {
  const details = await check(HISTORIES, SEED, false);
  process.stdout.write(`queue model: seed ${String(SEED)}, ${String(details.numRuns)} histories\n`);
  if (!details.failed) return;
  const { counterexample, counterexamplePath, errorInstance } = details;
  throw new Error(
    `QUEUE_SEED=${String(SEED)} QUEUE_PATH=${String(counterexamplePath)}: ${JSON.stringify(counterexample)}\n${String(errorInstance)}`,
  );
}, 3_600_000);

describe('the same histories find a queue', () => {
  /** Breaks something in the running server, looks for a history that shows it, and mends it again. */
  async function caught<T extends object>(
    service: abstract new (...parameters: never[]) => T,
    broken: Partial<T>,
  ): Promise<boolean> {
    const instance = server.app.get<T>(service as never, { strict: false });
    Object.assign(instance, broken);
    try {
      return (await check(300, 1, true)).failed;
    } finally {
      for (const name of Object.keys(broken)) Reflect.deleteProperty(instance, name);
    }
  }

  it('whose heartbeat renews all leases of the worker', async () => {
    const broken = await caught(LeaseReportStore, {
      reportAll: async (reports) => {
        for (const { worker_id, lease_seconds } of reports)
          await server.sql.query(
            `update leases set expires_at = now() + make_interval(secs => $2) where worker_id = $1`,
            [worker_id, lease_seconds],
          );
        return [];
      },
    });
    expect(broken).toBe(true);
  });

  it('whose executions are not fenced', async () => {
    const broken = await caught(LeasesStore, {
      lockAll: (wanted) =>
        Promise.all(
          wanted.map(({ execution_id }) =>
            server.database.one<LeaseRow>(
              `select l.* from leases l join tasks t on t.id = l.task_id
               where t.id = (select task_id from agent_executions where id = $1) for update of l`,
              [execution_id],
            ),
          ),
        ),
    });
    expect(broken).toBe(true);
  });

  it('that keeps an exclusive key after the end of its holder', async () => {
    expect(await caught(ConcurrencyStore, { release: () => Promise.resolve(null) })).toBe(true);
  });

  it('that forgets the tasks behind one that failed', async () => {
    expect(await caught(DependenciesStore, { lockBehind: () => Promise.resolve([]) })).toBe(true);
  });
});
