import { AsyncLocalStorage } from 'node:async_hooks';
import { newId } from '../src/ids.js';
import type { Actor, Principal, WorkerPrincipal } from '../src/auth/principal.js';
import { PERMISSIONS } from '../src/auth/permissions.js';
import { DutiesService } from '../src/duties/duties.service.js';
import { DatabaseUnavailable } from '../src/database/database.errors.js';
import { Database } from '../src/database/database.js';
import { DomainError } from '../src/domain-error.js';
import { LeaseSweepDuty } from '../src/executions/lease-sweep.duty.js';
import { FinishesService } from '../src/executions/finishes.service.js';
import { LeasesService } from '../src/queue/leases.service.js';
import { QueueService } from '../src/queue/queue.service.js';
import { DependenciesService } from '../src/tasks/dependencies.service.js';
import { TaskCreation } from '../src/tasks/task-creation.service.js';
import { TasksService } from '../src/tasks/tasks.service.js';
import { WorkersService } from '../src/workers/workers.service.js';
import type { NewModelTask, Outcome, Reason } from './queue-model.js';
import { transactionsEnd } from './lock-waits.js';
import { startTestApp, type TestApp } from './test-app.js';

/** What the tables say of a task. */
export interface SystemTask {
  status: string;
  retry_count: number;
  attempts: number;
  place: 'queue' | 'wait' | null;
  leased: boolean;
  holds_key: boolean;
}

/** How a step ended, and whether anything of it was committed. */
export interface StepOutcome<T> {
  result: T | string;
  committed: boolean;
}

/**
 * Tells the statements of a step from those that duties and hints make beside it. One for all histories: each costs every
 * promise that follows.
 */
const within = new AsyncLocalStorage<QueueSystem>();

/** The product itself, asked like the model: one organization for each history, tasks and executions by their index. */
export class QueueSystem {
  readonly tasks: string[] = [];
  readonly executions: string[] = [];
  private readonly workers: WorkerPrincipal[] = [];
  private crashAt = Infinity;
  private statements = 0;
  private committed = false;

  private constructor(
    readonly server: TestApp,
    private readonly person: Principal,
  ) {}

  /** A server whose duties run when they are told. Its sweep has never had a gap. */
  static async server(): Promise<TestApp> {
    const server = await startTestApp({ SWEEP_SECONDS: '600', SWEEP_GAP_SECONDS: '3600', RETRY_BASE_SECONDS: '0' });
    await server.sql.query(
      `insert into duty_runs (name, last_run_at, last_success_at) values ('lease-sweep', now(), now())`,
    );
    return server;
  }

  static async begin(server: TestApp, capacities: readonly number[]): Promise<QueueSystem> {
    const [organization_id, user] = [newId(), newId()];
    await server.sql.query(`insert into organizations (id, name) values ($1, 'model')`, [organization_id]);
    const actor: Actor = { type: 'user', id: user, login: 'model', trigger: null };
    const permissions = new Set(PERMISSIONS);
    const person: Principal = { kind: 'api_key', id: user, organization_id, permissions, maker: null, actor };
    const system = new QueueSystem(server, person);
    for (const capacity of capacities) await system.register(capacity);
    system.watch();
    return system;
  }

  /** Forgets the history. The hot tables refer to nothing and nothing refers to them. */
  async end(): Promise<void> {
    this.unwatch();
    const { organization_id } = this.person;
    for (const table of ['leases', 'queue_entries', 'concurrency_waits', 'concurrency_keys'])
      await this.server.sql.query(
        `delete from ${table} where task_id in (select id from tasks where organization_id = $1)`,
        [organization_id],
      );
    await this.server.sql.query('delete from organizations where id = $1', [organization_id]);
  }

  /** Lets the next step lose its database at its nth statement. */
  crashAtStatement(statement: number): void {
    this.crashAt = statement;
  }

  create({ deps, delay, key, ...task }: NewModelTask): Promise<StepOutcome<string>> {
    return this.step(async () => {
      const created = await this.get(TaskCreation).create(this.person, {
        ...task,
        name: 'model',
        agent_type: 'note',
        depends_on: deps.map((dep) => this.tasks[dep] ?? ''),
        ...(key !== null && { concurrency_key: key }),
        ...(delay > 0 && { run_at: new Date(Date.now() + delay * 1000).toISOString() }),
      });
      this.tasks.push(created.id);
      return 'ok';
    });
  }

  /** Indexes of the tasks given; the executions are numbered in their order. */
  async claim(worker: number, max: number): Promise<StepOutcome<number[]>> {
    const { id, key_id, actor } = this.worker(worker);
    return this.step(async () => {
      const request = { worker_id: id, key_id, actor, max, request_key: null };
      const [rows] = await this.get(QueueService).claimAll(
        [{ ...request, closed: new AbortController().signal }],
        (given) => Promise.resolve(given),
      );
      return (rows ?? []).map(({ task_id }) => this.tasks.indexOf(task_id));
    });
  }

  /** Learns which executions a claim has made, by its tasks in the order in which the model gave them. */
  async adopt(given: readonly number[]): Promise<void> {
    for (const index of given) {
      const { rows } = await this.server.sql.query<{ id: string }>(
        'select current_execution_id as id from tasks where id = $1',
        [this.tasks[index]],
      );
      this.executions.push(String(rows[0]?.id));
    }
  }

  beat(worker: number, named: readonly number[]): Promise<StepOutcome<{ cancel: number[]; lost: number[] }>> {
    const { id } = this.worker(worker);
    const ids = named.map((index) => this.executions[index] ?? '');
    const indexes = (found: readonly string[]): number[] =>
      found.map((one) => this.executions.indexOf(one)).sort((a, b) => a - b);
    return this.step(async () => {
      const reports = ids.map((one) => ({ id: one }));
      const { cancel, lost } = await this.get(LeasesService).beat(id, reports, null);
      return { cancel: indexes(cancel), lost: indexes(lost) };
    });
  }

  finish(index: number, worker: number, outcome: Outcome, reason: Reason): Promise<StepOutcome<string>> {
    const report = { outcome, ...(outcome === 'failed' && { failure_reason: reason }) };
    return this.step(async () => {
      await this.get(FinishesService).finish(this.worker(worker), { id: this.executions[index] ?? '', report });
      return 'ok';
    });
  }

  sweep(): Promise<StepOutcome<string>> {
    return this.step(async () => {
      await this.get(DutiesService).runOnce(this.get(LeaseSweepDuty));
      return 'ok';
    });
  }

  promote(): Promise<StepOutcome<string>> {
    return this.step(async () => {
      await this.server.database.transaction(() => this.get(QueueService).promoteIdle(100));
      return 'ok';
    });
  }

  change(index: number, what: 'cancel' | 'retry' | 'remove' | 'P0' | 'P1' | 'P2'): Promise<StepOutcome<string>> {
    const [tasks, id] = [this.get(TasksService), this.tasks[index] ?? ''];
    return this.step(async () => {
      if (what === 'cancel') await tasks.cancel(this.person, id, null);
      else if (what === 'retry') await tasks.retry(this.person, id);
      else if (what === 'remove') await tasks.remove(this.person, id);
      else await tasks.patch(this.person, id, { priority: what }, null);
      return 'ok';
    });
  }

  depend(index: number, on: number, how: 'add' | 'remove'): Promise<StepOutcome<string>> {
    const [id, other] = [this.tasks[index] ?? '', this.tasks[on] ?? ''];
    return this.step(async () => {
      await this.get(DependenciesService)[how](this.person, id, other);
      return 'ok';
    });
  }

  /** Time passes: every time that is kept moves into the past. */
  async pass(seconds: number): Promise<void> {
    const by = `make_interval(secs => ${String(seconds)})`;
    const ours = `task_id in (select id from tasks where organization_id = $1)`;
    const shift = async (table: string, columns: string[], where: string): Promise<void> => {
      const sets = columns.map((column) => `${column} = ${column} - ${by}`).join(', ');
      await this.server.sql.query(`update ${table} set ${sets} where ${where}`, [this.person.organization_id]);
    };
    await shift('leases', ['expires_at', 'deadline_at'], ours);
    await shift('queue_entries', ['run_at'], ours);
    await shift('concurrency_waits', ['run_at'], 'organization_id = $1');
    await shift('tasks', ['run_at'], 'organization_id = $1');
  }

  /** The tables, by the index of the task; null for one that is gone. */
  async look(): Promise<(SystemTask | null)[]> {
    const { rows } = await this.server.sql.query<SystemTask & { id: string }>(
      `select t.id, t.status, t.retry_count, t.attempts,
              case when q.task_id is not null then 'queue' when w.task_id is not null then 'wait' end as place,
              l.task_id is not null as leased, k.task_id is not null as holds_key
       from tasks t left join queue_entries q on q.task_id = t.id left join concurrency_waits w on w.task_id = t.id
       left join leases l on l.task_id = t.id left join concurrency_keys k on k.task_id = t.id
       where t.organization_id = $1`,
      [this.person.organization_id],
    );
    const found = new Map(rows.map(({ id, ...task }) => [id, task]));
    return this.tasks.map((id) => found.get(id) ?? null);
  }

  async executionStatuses(): Promise<(string | null)[]> {
    const { rows } = await this.server.sql.query<{ id: string; status: string }>(
      'select id, status from agent_executions where organization_id = $1',
      [this.person.organization_id],
    );
    const found = new Map(rows.map(({ id, status }) => [id, status]));
    return this.executions.map((id) => found.get(id) ?? null);
  }

  private get<T>(service: abstract new (...parameters: never[]) => T): T {
    return this.server.app.get<T>(service as never, { strict: false });
  }

  private worker(index: number): WorkerPrincipal {
    const worker = this.workers[index];
    if (worker === undefined) throw new Error(`there is no worker ${String(index)}`);
    return worker;
  }

  private async register(capacity: number): Promise<void> {
    const { worker } = await this.get(WorkersService).register(this.person, {
      name: newId(),
      scope: 'organization',
      replace: false,
      resume: [],
      labels: [],
      agent_types: null,
      launchers: null,
      isolation: 'none',
      capacity,
      version: null,
      protocol: 1,
      host: null,
    });
    const { rows } = await this.server.sql.query<{ key_id: string }>(
      'select key_id from worker_liveness where worker_id = $1',
      [worker.id],
    );
    const actor: Actor = { type: 'worker', id: worker.id, login: null, trigger: null };
    const { organization_id } = this.person;
    this.workers.push({
      kind: 'worker',
      id: worker.id,
      key_id: String(rows[0]?.key_id),
      organization_id,
      permissions: new Set(),
      actor,
    });
  }

  private async step<T>(work: () => Promise<T>): Promise<StepOutcome<T>> {
    this.statements = 0;
    this.committed = false;
    try {
      return { result: await within.run(this, work), committed: true };
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      // PostgreSQL hears of a cut in its own time: until then a claim passes over what is locked.
      if (error.code === 'database/unavailable') await transactionsEnd(this.server);
      return { result: error.code, committed: this.committed };
    } finally {
      this.crashAt = Infinity;
    }
  }

  /** Counts statements, and cuts the connection before the one that was asked for: those behind it fail as well. */
  private watch(): void {
    const { database } = this.server;
    const execute = Reflect.get(Database.prototype, 'execute') as (...given: unknown[]) => Promise<unknown>;
    Reflect.set(database, 'execute', async (on: unknown, sql: string, ...more: unknown[]) => {
      // A lane is made in a transaction of its own before that of its task: what counts is how the last one ended.
      if (sql.startsWith('begin') && within.getStore() === this) this.committed = false;
      if (within.getStore() === this) this.statements += 1;
      if (within.getStore() === this && this.statements >= this.crashAt)
        throw new DatabaseUnavailable(new Error('cut by the test'));
      const result = await execute.call(database, on, sql, ...more);
      if (sql === 'commit' && within.getStore() === this) this.committed = true;
      return result;
    });
  }

  private unwatch(): void {
    Reflect.deleteProperty(this.server.database, 'execute');
  }
}
