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
  auto_pr?: boolean;
}

/** What a task is to be, where it does not say it itself. */
export interface Settled {
  agent: KnownAgent;
  auto_pr: boolean;
}

/** What a repository says for its tasks. */
interface Usual {
  default_agent_type: string | null;
  auto_pr: boolean;
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
   * What each task does not say itself: its agent, and whether it opens a pull request, are those of its repository,
   * else those of the fleet. `at` is the path of a task in the input. A thousand tasks are settled with two questions.
   * Throws what is wrong with the first at fault.
   */
  async settle(principal: Principal, tasks: readonly { input: Reference; at: string }[]): Promise<Settled[]> {
    const usual = await this.usual(principal, tasks);
    const of = (input: Reference) => usual.get(input.repository_id ?? '');
    const types = tasks.map(({ input }) => input.agent_type ?? (of(input)?.default_agent_type || USUAL_AGENT));
    const known = await this.agentsService.known(organizationOf(principal), types);
    return tasks.map(({ input, at }, index) => {
      const type = types[index] ?? '';
      const agent = known.get(type);
      if (agent === undefined) throw new UnknownAgentType(type, at);
      this.metadata(principal, type, input.metadata ?? {}, at);
      return { agent, auto_pr: input.auto_pr ?? of(input)?.auto_pr ?? false };
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

  /** What each repository says for its tasks. */
  private async usual(
    principal: Principal,
    tasks: readonly { input: Reference; at: string }[],
  ): Promise<ReadonlyMap<string, Usual>> {
    const ids = tasks.flatMap(({ input }) => input.repository_id ?? []);
    const found = await this.repositories.findOwn(organizationOf(principal), ids);
    const usual = new Map(found.map((repository) => [repository.id, repository]));
    const lost = tasks.find(({ input }) => input.repository_id !== undefined && !usual.has(input.repository_id));
    if (lost !== undefined) throw new UnknownRepository(lost.at);
    return usual;
  }
}
