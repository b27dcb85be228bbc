import { Injectable } from '@nestjs/common';
import { AgentsService, keyOf, type ClaimedAgent } from '../agents/agents.service.js';
import { ExecutionsService, type ExecutionView } from '../executions/executions.service.js';
import { type ClaimedRow, type Heritage, QueueService } from '../queue/queue.service.js';
import { type ClaimRepository, RepositoriesService } from '../repositories/repositories.service.js';
import { type Task, TasksService } from '../tasks/tasks.service.js';
import type { Usage } from '../tasks/usage.js';

/** One task given to a worker, with all it needs to know. */
export interface ClaimBrief {
  execution: ExecutionView;
  task: Task;
  repository: ClaimRepository | null;
  base_ref: string | null;
  /** Branches to merge into the start, in this order. */
  merge_refs: string[];
  prompt: string;
  agent: ClaimedAgent;
  /** Model that the task wants; null leaves it to the agent. */
  model: string | null;
  checkpoint: unknown;
  previous: { execution_id: string; branch: string; session_id: string | null; usage: Usage | null } | null;
}

const LONGEST_MODEL = 100;

/** Gathers what a worker needs to know about what it was given. */
@Injectable()
export class ClaimBriefs {
  constructor(
    private readonly tasks: TasksService,
    private readonly executions: ExecutionsService,
    private readonly agents: AgentsService,
    private readonly repositories: RepositoriesService,
    private readonly queue: QueueService,
  ) {}

  /** Briefs by the ids of the executions, which have just been claimed, in the transaction of the claim. */
  async for(rows: readonly ClaimedRow[]): Promise<ReadonlyMap<string, ClaimBrief>> {
    if (rows.length === 0) return new Map();
    const executionIds = rows.map((row) => row.execution_id);
    // Asked in one go.
    const [found, ownTasks, left, agents, places] = await Promise.all([
      this.executions.findByIds(executionIds),
      this.tasks.findByIds(rows.map((row) => row.task_id)),
      this.queue.findHeritage(executionIds),
      this.agents.launches(rows),
      this.repositories.forClaim(rows.flatMap((row) => row.repository_id ?? [])),
    ]);
    const executions = new Map(found.map((execution) => [execution.id, execution]));
    const tasks = new Map(ownTasks.map((task) => [task.id, task]));
    const repositories = new Map(places.map((one) => [one.id, one]));
    const heritage = new Map(left.map((one) => [one.execution_id, one]));
    const briefs = new Map<string, ClaimBrief>();
    for (const { execution_id, task_id } of rows) {
      const [execution, task] = [executions.get(execution_id), tasks.get(task_id)];
      const agent = execution && agents.get(keyOf(execution));
      if (execution === undefined || task === undefined || agent === undefined)
        throw new Error('what was claimed is not whole');
      const repository = repositories.get(execution.repository_id ?? '') ?? null;
      const own = heritage.get(execution_id);
      briefs.set(execution_id, {
        execution,
        task,
        repository,
        base_ref: task.base_ref ?? repository?.default_branch ?? null,
        merge_refs: own?.merge_refs ?? [],
        prompt: promptOf(task),
        agent,
        model: modelOf(task),
        checkpoint: own?.checkpoint ?? null,
        previous: previousOf(own),
      });
    }
    return briefs;
  }
}

/** What the agent is told: the name, then the whole brief. */
const promptOf = (task: Task): string => (task.description ? `${task.name}\n\n${task.description}` : task.name);

/** Metadata are the creator's own, so that anything may stand there. */
function modelOf({ metadata }: Task): string | null {
  const model = metadata['model'];
  return typeof model === 'string' && model.length > 0 && model.length <= LONGEST_MODEL ? model : null;
}

function previousOf(heritage: Heritage | undefined): ClaimBrief['previous'] {
  if (!heritage?.previous_id || heritage.previous_branch === null) return null;
  const { previous_id: execution_id, previous_branch: branch, previous_session_id: session_id } = heritage;
  return { execution_id, branch, session_id, usage: heritage.session_usage };
}
