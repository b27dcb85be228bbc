import { Injectable } from '@nestjs/common';
import { AgentsService } from '../agents/agents.service.js';
import type { Principal } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { RepositoriesService } from '../repositories/repositories.service.js';
import { isCommand } from './script-command.js';
import { ScriptNotAllowed, ScriptWithoutCommand, UnknownAgentType, UnknownRepository } from './task.errors.js';

/** Whether what a task refers to is there, and its creator may use it. */
@Injectable()
export class TaskChecks {
  constructor(
    private readonly agents: AgentsService,
    private readonly repositories: RepositoriesService,
    private readonly config: QueueConfig,
  ) {}

  /** Commands are run as they are given, so they need a permission of their own and must be whole. */
  async agent(principal: Principal, agentType: string, metadata: Record<string, unknown>): Promise<void> {
    if (!(await this.agents.isKnown(agentType))) throw new UnknownAgentType(agentType);
    if (agentType !== 'script') return;
    const allowed = this.config.script_tasks && principal.permissions.has('agents.run_script');
    if (!allowed) throw new ScriptNotAllowed();
    if (!isCommand(metadata['command'])) throw new ScriptWithoutCommand();
  }

  /** The agent type that tasks of the repository have when they name none; null leaves it to the fleet. */
  async repository(organizationId: string, id: string): Promise<string | null> {
    const repository = await this.repositories.findOwn(organizationId, id);
    if (repository === null) throw new UnknownRepository();
    return repository.default_agent_type;
  }
}
