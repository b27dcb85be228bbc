import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LeaseReportStore } from '../src/queue/lease-report.store.js';
import { LeasesStore, type LeaseRow } from '../src/queue/leases.store.js';
import { ConcurrencyStore } from '../src/queue/concurrency.store.js';
import { DependenciesStore } from '../src/tasks/dependencies.store.js';
import { figure, progress } from './figures.js';
import { history, type Step } from './queue-histories.js';
import { QueueModel } from './queue-model.js';
import { QueueSystem, type StepOutcome } from './queue-system.js';
import { size } from './scale.js';
import type { TestApp } from './test-app.js';

const HISTORIES = Number(process.env['QUEUE_HISTORIES'] ?? size({ full: 10_000, short: 60 }));
/** One of a failure that was seen replays it: QUEUE_SEED, and QUEUE_PATH to begin with the smallest history. */
const SEED = Number(process.env['QUEUE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** Histories go through so many servers side by side, each with a database and a seed of its own. */
const LANES = process.env['QUEUE_SEED'] === undefined ? size({ full: 4, short: 1 }) : 1;
const CAPACITIES = [2, 3];

let server: TestApp;
let servers: TestApp[];

beforeAll(async () => {
  servers = await Promise.all(Array.from({ length: LANES }, () => QueueSystem.server()));
  server = servers[0] as TestApp;
});
afterAll(() => Promise.all(servers.map((each) => each.close())));

const said = progress('histories', HISTORIES);

/** Runs a history through both and compares them after each step. */
async function replay(on: TestApp, steps: readonly Step[]): Promise<void> {
  const model = new QueueModel(CAPACITIES);
  const system = await QueueSystem.begin(on, CAPACITIES);
  try {
    for (const [at, one] of steps.entries()) {
      await take(one, model, system);
      await compare(`step ${String(at)} ${JSON.stringify(one)}`, model, system);
    }
  } finally {
    await system.end();
  }
  said();
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

interface Run {
  on: TestApp;
  runs: number;
  seed: number;
  /** A control only has to be caught; looking for its smallest history takes long. */
  endOnFailure: boolean;
  /** Histories to begin with: what is seldom made by chance. */
  first?: Step[][];
}

const check = ({ on, runs, seed, endOnFailure, first = [] }: Run): Promise<fc.RunDetails<[Step[]]>> =>
  fc.check(
    fc.asyncProperty(history, (steps) => replay(on, steps)),
    {
      numRuns: runs,
      seed,
      endOnFailure,
      examples: first.map((steps) => [steps]),
      ...(process.env['QUEUE_PATH'] && { path: process.env['QUEUE_PATH'] }),
    },
  );

it(`does what its model does, in ${String(HISTORIES)} histories of creating, claiming, beating, ending, losing and waiting`, async () => {
  const checks = servers.map((on, lane) =>
    check({ on, runs: Math.ceil(HISTORIES / LANES), seed: SEED + lane, endOnFailure: false }),
  );
  const lanes = await Promise.all(checks);
  const runs = lanes.reduce((sum, { numRuns }) => sum + numRuns, 0);
  const differ = lanes.filter(({ failed }) => failed).length;
  figure(1, 'histories in which the queue differs from its model', differ, 'of', runs, `(seed ${SEED})`);
  for (const { failed, seed, counterexample, counterexamplePath, errorInstance } of lanes)
    if (failed)
      throw new Error(
        `QUEUE_SEED=${String(seed)} QUEUE_PATH=${String(counterexamplePath)}: ${JSON.stringify(counterexample)}\n${String(errorInstance)}`,
      );
}, 7_200_000);

describe('the same histories find a queue', () => {
  /** Breaks something in the running server, looks for a history that shows it, and mends it again. */
  async function caught<T extends object>(
    service: abstract new (...parameters: never[]) => T,
    broken: Partial<T>,
    first: Step[][] = [],
  ): Promise<boolean> {
    const instance = server.app.get<T>(service as never, { strict: false });
    Object.assign(instance, broken);
    try {
      return (await check({ on: server, runs: 300, seed: 1, endOnFailure: true, first })).failed;
    } finally {
      for (const name of Object.keys(broken)) Reflect.deleteProperty(instance, name);
    }
  }

  it('whose heartbeat renews all leases of the worker', async () => {
    const reportAll: LeaseReportStore['reportAll'] = async (reports) => {
      for (const { worker_id, lease_seconds } of reports)
        await server.sql.query(
          `update leases set expires_at = now() + make_interval(secs => $2) where worker_id = $1`,
          [worker_id, lease_seconds],
        );
      return [];
    };
    const task = { priority: 'P2', key: null, deps: [], max_retries: 0, timeout_seconds: 1000, delay: 0 } as const;
    const create: Step = { do: 'create', task: { ...task, deps: [] }, crash: 0 };
    const broken = await caught(LeaseReportStore, { reportAll }, [
      [
        create,
        create,
        { do: 'claim', worker: 0, max: 2, crash: 0 },
        { do: 'pass', seconds: 40 },
        { do: 'beat', worker: 0, named: [0] },
        { do: 'pass', seconds: 40 },
        { do: 'sweep', crash: 0 },
      ],
    ]);
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
