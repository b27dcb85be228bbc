import { Injectable } from '@nestjs/common';
import { AgentsService, type ClaimedAgent } from '../agents/agents.service.js';
import { ExecutionsService, type ExecutionView } from '../executions/executions.service.js';
import type { ClaimedRow } from '../queue/queue.service.js';
import { type ClaimRepository, RepositoriesService } from '../repositories/repositories.service.js';
import { type Task, TasksService } from '../tasks/tasks.service.js';

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
  previous: { execution_id: string; branch: string } | null;
}

/** Gathers what a worker needs to know about what it was given. */
@Injectable()
export class ClaimBriefs {
  constructor(
    private readonly tasks: TasksService,
    private readonly executions: ExecutionsService,
    private readonly agents: AgentsService,
    private readonly repositories: RepositoriesService,
  ) {}

  /** Briefs in the order of the claim. Whatever was ended or deleted in between is left out. */
  async for(rows: readonly ClaimedRow[]): Promise<ClaimBrief[]> {
    if (rows.length === 0) return [];
    const executions = await this.executions.findByIds(rows.map((row) => row.execution_id));
    const tasks = new Map((await this.tasks.findByIds(rows.map((row) => row.task_id))).map((task) => [task.id, task]));
    const agents = await this.agents.launches(executions.map((execution) => execution.agent_type));
    const ids = executions.flatMap((execution) => execution.repository_id ?? []);
    const repositories = new Map((await this.repositories.forClaim(ids)).map((found) => [found.id, found]));
    const order = new Map(rows.map((row, at) => [row.execution_id, at]));
    const briefs = executions
      .filter((execution) => execution.status === 'running')
      .sort((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0))
      .map(async (execution): Promise<ClaimBrief | null> => {
        const task = tasks.get(execution.task_id);
        const agent = agents.get(execution.agent_type);
        if (task === undefined || agent === undefined) return null;
        const repository = execution.repository_id === null ? null : repositories.get(execution.repository_id);
        const previous = await this.executions.findPrevious(task.id, execution.attempt);
        return {
          execution,
          task,
          repository: repository ?? null,
          base_ref: task.base_ref ?? repository?.default_branch ?? null,
          merge_refs: [],
          prompt: promptOf(task),
          agent,
          previous: previous && { execution_id: previous.id, branch: previous.branch },
        };
      });
    return (await Promise.all(briefs)).filter((brief) => brief !== null);
  }
}

/** What the agent is told: the name, then the whole brief. */
const promptOf = (task: Task): string => (task.description ? `${task.name}\n\n${task.description}` : task.name);
