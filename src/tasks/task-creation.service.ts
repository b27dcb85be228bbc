import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { isId, newId } from '../ids.js';
import { QueueService } from '../queue/queue.service.js';
import { DependenciesStore, type Dependency } from './dependencies.store.js';
import { TaskChecks } from './task-checks.service.js';
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

/** Brings tasks into being, one or a thousand, with their dependencies. */
@Injectable()
export class TaskCreation {
  constructor(
    private readonly store: TasksStore,
    private readonly dependencies: DependenciesStore,
    private readonly queue: QueueService,
    private readonly moves: TaskMovesService,
    private readonly notices: TaskNotices,
    private readonly checks: TaskChecks,
    private readonly database: Database,
  ) {}

  async create(principal: Principal, input: TaskInput): Promise<Task> {
    const [task] = await this.createDrafts(principal, [
      { id: newId(), input, at: '', waitsFor: [...new Set(input.depends_on ?? [])] },
    ]);
    if (task === undefined) throw new Error('a created task came back empty');
    return task;
  }

  /** All or none. `depends_on` may name the `ref` of another one of the batch. */
  createAll(principal: Principal, inputs: readonly BatchedTaskInput[]): Promise<Task[]> {
    return this.createDrafts(principal, draftsOf(inputs));
  }

  private async createDrafts(principal: Principal, drafts: readonly Draft[]): Promise<Task[]> {
    const organizationId = organizationOf(principal);
    assertAcyclic(drafts);
    const types = await this.checks.agentTypes(principal, drafts);
    const rows: NewTask[] = [];
    for (const [index, draft] of drafts.entries()) rows.push(await this.rowOf(principal, types[index] ?? '', draft));
    return this.database.transaction(async () => {
      const known = await this.lockDependencies(organizationId, drafts);
      const fates = drafts.map((draft) => fateOf(draft, known));
      const tasks = await this.store.insertAll(
        rows.map((row, at) => ({ ...row, status: fates[at] === 'met' ? 'pending' : 'blocked' })),
      );
      await this.dependencies.insert(
        drafts.flatMap(({ id, waitsFor }) => waitsFor.map((depends_on_id) => ({ task_id: id, depends_on_id }))),
      );
      await this.queue.enqueueAll(tasks.filter(({ status }) => status === 'pending'));
      await this.notices.tell('task.created', tasks, principal.actor);
      const broken = tasks.filter((_, at) => fates[at] === 'broken');
      if (broken.length === 0) return tasks;
      await this.moves.skipAll(broken);
      const now = new Map((await this.store.findByIds(tasks.map(({ id }) => id))).map((task) => [task.id, task]));
      return tasks.map((task) => now.get(task.id) ?? task);
    });
  }

  private async rowOf(principal: Principal, agentType: string, { id, input }: Draft): Promise<NewTask> {
    const labels = [...new Set(input.required_labels ?? [])];
    const key = {
      organization_id: organizationOf(principal),
      repository_id: input.repository_id ?? null,
      agent_type: agentType,
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
      auto_pr: input.auto_pr ?? false,
      max_cost_usd: input.max_cost_usd ?? null,
      max_tokens: input.max_tokens ?? null,
      run_at: input.run_at ?? null,
      max_retries: input.max_retries ?? 3,
      timeout_seconds: input.timeout_seconds ?? 3600,
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

/** What dependencies make of a new task: it may start, it waits, or it will be passed over. */
function fateOf({ waitsFor }: Draft, known: ReadonlyMap<string, Dependency['status']>): 'met' | 'open' | 'broken' {
  const statuses = waitsFor.map((id) => known.get(id) ?? 'blocked');
  if (statuses.some((status) => status === 'failed' || status === 'cancelled' || status === 'skipped')) return 'broken';
  return statuses.every((status) => status === 'completed') ? 'met' : 'open';
}
