import { Injectable, type OnModuleInit } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { InvalidInput } from '../domain-error.js';
import { AgentNotFound } from './agents.errors.js';
import { Lookup } from '../database/lookup.js';
import { AgentsStore, type AgentWithFigures } from './agents.store.js';
import { CATALOGUE } from './catalogue.js';
import { launchOf } from './known-clis.js';
import type { Launch } from './launch.js';

/** An agent as a worker needs to know it. */
export interface ClaimedAgent {
  id: string;
  agent_type: string;
  name: string;
  launch: Launch;
}

/** Which kinds of work there are, and how each is launched. */
@Injectable()
export class AgentsService implements OnModuleInit {
  private readonly knownTypes = new Lookup(
    async (types) => new Map((await this.store.findKnown(types)).map((type) => [type, type])),
  );

  constructor(
    private readonly store: AgentsStore,
    private readonly config: QueueConfig,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.store.seed(CATALOGUE);
  }

  /** Agents in the order of the catalogue; the built-in ones only when asked for by their category. */
  async list(
    principal: Principal,
    query: { category?: string; cursor?: string; limit: number },
  ): Promise<{ agents: AgentWithFigures[]; next_cursor: string | null }> {
    const categories = query.category === undefined ? ['coding', 'business'] : [query.category];
    const after = query.cursor === undefined ? -1 : readPlace(query.cursor);
    const rows = await this.store.findPage(organizationOf(principal), categories, after, query.limit);
    const agents = rows.slice(0, query.limit);
    const last = rows.length > query.limit ? agents.at(-1) : undefined;
    return { agents, next_cursor: last === undefined ? null : String(last.position) };
  }

  async find(principal: Principal, id: string): Promise<AgentWithFigures> {
    const agent = await this.store.findOne(organizationOf(principal), id);
    if (agent === null) throw new AgentNotFound();
    return agent;
  }

  /** Those of the types that an agent of the catalogue has. */
  async known(types: readonly string[]): Promise<ReadonlySet<string>> {
    const found = await Promise.all([...new Set(types)].map((type) => this.knownTypes.find(type)));
    return new Set(found.filter((type) => type !== null));
  }

  /** What a worker needs to start agents of these types: entries without settings get the fleet's default CLI. */
  async launches(types: readonly string[]): Promise<Map<string, ClaimedAgent>> {
    const agents = await this.store.findByTypes([...new Set(types)]);
    return new Map(
      agents.map(({ id, agent_type, name, launch }) => [
        agent_type,
        { id, agent_type, name, launch: (launch as Launch | null) ?? launchOf(this.config.agent_cli) },
      ]),
    );
  }
}

function readPlace(cursor: string): number {
  if (/^\d{1,6}$/.test(cursor)) return Number(cursor);
  throw new InvalidInput('The cursor is not one this server has given out.', [
    { field: 'cursor', message: 'cursor must be the next_cursor of an earlier answer' },
  ]);
}
