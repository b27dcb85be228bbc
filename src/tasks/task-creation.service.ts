import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { GroupCommit } from '../database/group-commit.js';
import { isId, newId } from '../ids.js';
import { QueueService } from '../queue/queue.service.js';
import { DependenciesStore, type Dependency } from './dependencies.store.js';
import { TaskChecks, type Settled } from './task-checks.service.js';
import type { Task } from './task.entity.js';
import { DependencyCycle, DuplicateRef, UnknownDependency } from './task.errors.js';
import { findCycle } from './task-graph.js';
import { TaskMovesService } from './task-moves.service.js';
import { TaskNotices } from './task-notices.service.js';
import type { BatchedTaskInput, TaskInput } from './tasks.input.js';
import { TasksStore, type NewTask } from './tasks.store.js';

/** A wanted task with its id, and the ids it waits for. */
interface Draft {
  id: string;
  input: BatchedTaskInput;
  /** Path of the task in the input, for errors: `` or `tasks[3].`. */
  at: string;
  waitsFor: string[];
}

/** Tasks that somebody wants, with the rows they will be. */
interface Wish {
  principal: Principal;
  drafts: readonly Draft[];
  rows: readonly NewTask[];
}

/** What dependencies make of a new task: it may start, it waits, or it will be passed over. */
type Fate = 'met' | 'open' | 'broken';

/** Brings tasks into being, one or a thousand, with their dependencies. */
@Injectable()
export class TaskCreation {
  private readonly single: GroupCommit<Wish, Task[]>;

  constructor(
    private readonly store: TasksStore,
    private readonly dependencies: DependenciesStore,
    private readonly queue: QueueService,
    private readonly moves: TaskMovesService,
    private readonly notices: TaskNotices,
    private readonly checks: TaskChecks,
    private readonly database: Database,
  ) {
    this.single = new GroupCommit(database, {
      runAll: (wishes) => database.preparedTransaction(() => this.insertAll(wishes)),
      limit: 100,
      width: 2,
    });
  }

  /** Tasks that wait for none are created together with those that others want at the same time. */
  async create(principal: Principal, input: TaskInput): Promise<Task> {
    const waitsFor = [...new Set(input.depends_on ?? [])];
    const wish = await this.wishOf(principal, [{ id: newId(), input, at: '', waitsFor }]);
    const [task] = waitsFor.length === 0 ? await this.single.run(wish) : await this.insertAll([wish]).then(first);
    if (task === undefined) throw new Error('a created task came back empty');
    return task;
  }

  /** All or none. `depends_on` may name the `ref` of another one of the batch. */
  async createAll(principal: Principal, inputs: readonly BatchedTaskInput[]): Promise<Task[]> {
    return this.insertAll([await this.wishOf(principal, draftsOf(inputs))]).then(first);
  }

  private async wishOf(principal: Principal, drafts: readonly Draft[]): Promise<Wish> {
    assertAcyclic(drafts);
    const settled = await this.checks.settle(principal, drafts);
    const rows: NewTask[] = [];
    for (const [index, draft] of drafts.entries()) {
      const own = settled[index];
      if (own !== undefined) rows.push(await this.rowOf(principal, own, draft));
    }
    return { principal, drafts, rows };
  }

  /** The tasks of each wish, all in one transaction. */
  private async insertAll(wishes: readonly Wish[]): Promise<Task[][]> {
    return this.database.transaction(async () => {
      const fates = new Map<string, Fate>();
      for (const { principal, drafts } of wishes) {
        const known = await this.lockDependencies(organizationOf(principal), drafts);
        for (const draft of drafts) fates.set(draft.id, fateOf(draft, known));
      }
      const rows = wishes.flatMap((wish) => wish.rows);
      const decided = rows.map((row) => {
        const status: NewTask['status'] = fates.get(row.id) === 'met' ? 'pending' : 'blocked';
        return { ...row, status };
      });
      const edges = wishes
        .flatMap(({ drafts }) => drafts)
        .flatMap(({ id, waitsFor }) => waitsFor.map((depends_on_id) => ({ task_id: id, depends_on_id })));
      // Asked in one go.
      const [tasks] = await Promise.all([
        this.store.insertAll(decided),
        this.dependencies.insert(edges),
        this.queue.enqueueAll(
          decided.flatMap((row) => (row.status === 'pending' ? [{ ...row, run_at: row.run_at ?? 'now' }] : [])),
        ),
      ]);
      await this.notices.tellEach(tasks.map((task) => ({ type: 'task.created', task, actor: task.actor, data: {} })));
      const broken = tasks.filter(({ id }) => fates.get(id) === 'broken');
      if (broken.length > 0) await this.moves.skipAll(broken);
      const changed = broken.length === 0 ? [] : await this.store.findByIds(tasks.map(({ id }) => id));
      const now = new Map([...tasks, ...changed].map((task) => [task.id, task]));
      return wishes.map((wish) => wish.rows.flatMap(({ id }) => now.get(id) ?? []));
    });
  }

  private async rowOf(principal: Principal, { agent, auto_pr }: Settled, { id, input }: Draft): Promise<NewTask> {
    const labels = [...new Set(input.required_labels ?? [])];
    const key = {
      organization_id: organizationOf(principal),
      repository_id: input.repository_id ?? null,
      agent_type: agent.agent_type,
    };
    return {
      ...key,
      id,
      actor: principal.actor,
      name: input.name,
      description: input.description ?? null,
      status: 'pending',
      priority: input.priority ?? 'P2',
      issue_number: input.issue_number ?? null,
      required_labels: labels,
      concurrency_key: input.concurrency_key ?? null,
      base_ref: input.base_ref ?? null,
      use_worktree: input.use_worktree ?? true,
      auto_pr,
      max_cost_usd: input.max_cost_usd ?? null,
      max_tokens: input.max_tokens ?? null,
      run_at: input.run_at ?? null,
      max_retries: input.max_retries ?? 3,
      timeout_seconds: input.timeout_seconds ?? agent.default_timeout_seconds,
      metadata: input.metadata ?? {},
      lane_id: await this.queue.laneFor({ ...key, required_labels: labels }),
    };
  }

  /** Dependencies that are there already, locked; those of the batch itself are blocked by being new. */
  private async lockDependencies(
    organizationId: string,
    drafts: readonly Draft[],
  ): Promise<ReadonlyMap<string, Dependency['status']>> {
    const own = new Set(drafts.map(({ id }) => id));
    const wanted = [...new Set(drafts.flatMap(({ waitsFor }) => waitsFor))].filter((id) => !own.has(id));
    const found = wanted.length === 0 ? [] : await this.dependencies.lockDependencies(organizationId, wanted);
    const known = new Map<string, Dependency['status']>(found.map(({ id, status }) => [id, status]));
    for (const { waitsFor, at } of drafts) {
      const missing = waitsFor.find((id) => !known.has(id) && !own.has(id));
      if (missing !== undefined) throw new UnknownDependency(`${at}depends_on`, missing);
    }
    return known;
  }
}

const first = ([tasks = []]: readonly Task[][]): Task[] => tasks;

function draftsOf(inputs: readonly BatchedTaskInput[]): Draft[] {
  const pathOf = (index: number): string => `tasks[${String(index)}].`;
  const ids = inputs.map(() => newId());
  const byRef = new Map<string, string>();
  for (const [index, { ref }] of inputs.entries()) {
    if (ref === undefined) continue;
    if (byRef.has(ref)) throw new DuplicateRef(`${pathOf(index)}ref`, ref);
    byRef.set(ref, ids[index] ?? '');
  }
  return inputs.map((input, index) => {
    const at = pathOf(index);
    const waitsFor = (input.depends_on ?? []).map((reference) => {
      const id = byRef.get(reference) ?? (isId(reference) ? reference.toLowerCase() : undefined);
      if (id === undefined) throw new UnknownDependency(`${at}depends_on`, reference);
      return id;
    });
    return { id: ids[index] ?? newId(), input, at, waitsFor: [...new Set(waitsFor)] };
  });
}

function assertAcyclic(drafts: readonly Draft[]): void {
  const cycle = findCycle(drafts.map(({ id, waitsFor }) => ({ key: id, waitsFor })));
  if (cycle === null) return;
  // Nobody knows the ids yet; whoever is waited for within a batch has a ref.
  const members = new Map(drafts.map((draft) => [draft.id, draft]));
  throw new DependencyCycle(
    cycle.flatMap((id) => {
      const draft = members.get(id);
      return draft === undefined ? [] : [{ id: draft.input.ref ?? id, name: draft.input.name }];
    }),
    `${members.get(cycle[0] ?? '')?.at ?? ''}depends_on`,
  );
}

function fateOf({ waitsFor }: Draft, known: ReadonlyMap<string, Dependency['status']>): Fate {
  const statuses = waitsFor.map((id) => known.get(id) ?? 'blocked');
  if (statuses.some((status) => status === 'failed' || status === 'cancelled' || status === 'skipped')) return 'broken';
  return statuses.every((status) => status === 'completed') ? 'met' : 'open';
}
