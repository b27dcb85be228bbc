import { Injectable } from '@nestjs/common';
import { AgentsService, type KnownAgent } from '../agents/agents.service.js';
import { organizationOf, type Principal } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { RepositoriesService } from '../repositories/repositories.service.js';
import { isCommand } from './script-command.js';
import { ScriptNotAllowed, ScriptWithoutCommand, UnknownAgentType, UnknownRepository } from './task.errors.js';

const USUAL_AGENT = 'codegen';

/** What of a wanted task refers to something else. */
export interface Reference {
  repository_id?: string;
  agent_type?: string;
  metadata?: Record<string, unknown>;
}

/** Whether what tasks refer to is there, and their creator may use it. */
@Injectable()
export class TaskChecks {
  constructor(
    private readonly agentsService: AgentsService,
    private readonly repositories: RepositoriesService,
    private readonly config: QueueConfig,
  ) {}

  /**
   * The agent of each task: its own, or that of its repository, or the fleet's. `at` is the path of a task in the
   * input. A thousand tasks are checked with two questions. Throws what is wrong with the first at fault.
   */
  async agents(principal: Principal, tasks: readonly { input: Reference; at: string }[]): Promise<KnownAgent[]> {
    const usual = await this.usualAgents(principal, tasks);
    const types = tasks.map(({ input }) => input.agent_type ?? (usual.get(input.repository_id ?? '') || USUAL_AGENT));
    const known = await this.agentsService.known(organizationOf(principal), types);
    return tasks.map(({ input, at }, index) => {
      const type = types[index] ?? '';
      const agent = known.get(type);
      if (agent === undefined) throw new UnknownAgentType(type, at);
      this.metadata(principal, type, input.metadata ?? {}, at);
      return agent;
    });
  }

  /**
   * Whether a task of this type may have the metadata. Commands are run as they are given, so they need a permission of
   * their own and must be whole.
   */
  metadata(principal: Principal, type: string, metadata: Record<string, unknown>, at = ''): void {
    if (type !== 'script') return;
    const allowed = this.config.script_tasks && principal.permissions.has('agents.run_script');
    if (!allowed) throw new ScriptNotAllowed();
    if (!isCommand(metadata['command'])) throw new ScriptWithoutCommand(at);
  }

  /** The agent type that tasks of each repository have when they name none. */
  private async usualAgents(
    principal: Principal,
    tasks: readonly { input: Reference; at: string }[],
  ): Promise<ReadonlyMap<string, string | null>> {
    const ids = tasks.flatMap(({ input }) => input.repository_id ?? []);
    const found = await this.repositories.findOwn(organizationOf(principal), ids);
    const usual = new Map(found.map(({ id, default_agent_type }) => [id, default_agent_type]));
    const lost = tasks.find(({ input }) => input.repository_id !== undefined && !usual.has(input.repository_id));
    if (lost !== undefined) throw new UnknownRepository(lost.at);
    return usual;
  }
}
