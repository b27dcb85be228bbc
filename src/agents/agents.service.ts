import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { organizationOf, type Principal } from '../auth/principal.js';
import { QueueConfig } from '../config/queue.config.js';
import { Database } from '../database/database.js';
import { Lookup } from '../database/lookup.js';
import { InvalidInput } from '../domain-error.js';
import { assertMayLaunch } from './agents.policy.js';
import { AgentBuiltIn, AgentNotFound, AgentOfCatalogue, TooManyAgents } from './agents.errors.js';
import { AgentsStore, type AgentKey, type AgentWithFigures } from './agents.store.js';
import { CATALOGUE } from './catalogue.js';
import { cliIn, launchOf } from './known-clis.js';
import type { Launch } from './launch.js';

/** An agent as a worker needs to know it. */
export interface ClaimedAgent {
  id: string;
  agent_type: string;
  name: string;
  launch: Launch;
}

/** Changes of an agent; absent fields stay, null leaves it to the catalogue. */
export interface AgentPatch {
  enabled?: boolean;
  launch?: Launch | null;
  default_timeout_seconds?: number | null;
  max_concurrent?: number | null;
  name?: string;
  description?: string;
  capabilities?: string[];
}

/** An agent that an organization wants for itself. */
export interface AgentInput extends AgentPatch {
  agent_type: string;
  name: string;
  description: string;
  category?: 'coding' | 'business' | 'custom';
}

/** How many agents there are of one kind, and what they do. */
export interface AgentGroup {
  agents: number;
  enabled: number;
  running: number;
  completed: number;
  failed: number;
}

export interface AgentOverview extends AgentGroup {
  layers: (AgentGroup & { layer: number })[];
  categories: (AgentGroup & { category: string })[];
}

/** What of an agent others need to know when they make tasks for it. */
export type KnownAgent = AgentKey & { default_timeout_seconds: number };

const MOST_OWN = 100;
const LISTED = ['coding', 'business', 'custom'];

/** Which kinds of work there are, how each is launched, and what each organization has said of them. */
@Injectable()
export class AgentsService implements OnModuleInit {
  private readonly knownAgents = new Lookup(async (keys) => {
    const found = await this.store.findKnown(keys.map(readKey));
    return new Map(found.map((agent) => [keyOf(agent), agent]));
  });

  constructor(
    private readonly store: AgentsStore,
    private readonly config: QueueConfig,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.store.seed(CATALOGUE);
  }

  /** Agents of the catalogue in its order, then those of the organization; the built-in ones only when asked for. */
  async list(
    principal: Principal,
    query: { category?: string; cursor?: string; limit: number },
  ): Promise<{ agents: AgentWithFigures[]; next_cursor: string | null }> {
    const categories = query.category === undefined ? LISTED : [query.category];
    const after = query.cursor === undefined ? -1 : readPlace(query.cursor);
    const rows = await this.store.findPage(organizationOf(principal), categories, after, query.limit + 1);
    const agents = rows.slice(0, query.limit);
    const last = rows.length > query.limit ? agents.at(-1) : undefined;
    return { agents, next_cursor: last === undefined ? null : String(last.position) };
  }

  async find(principal: Principal, id: string): Promise<AgentWithFigures> {
    const agent = await this.store.findOne(organizationOf(principal), id);
    if (agent === null) throw new AgentNotFound();
    return agent;
  }

  /** How many there are by layer and by category; the built-in ones are not among them. */
  async overview(principal: Principal): Promise<AgentOverview> {
    const agents = await this.store.findPage(organizationOf(principal), LISTED, -1, MOST_OWN + CATALOGUE.length);
    const layers = [...new Set(agents.map(({ layer }) => layer))].sort((one, other) => one - other);
    return {
      ...groupOf(agents),
      layers: layers.map((layer) => ({ layer, ...groupOf(agents.filter((agent) => agent.layer === layer)) })),
      categories: LISTED.map((category) => ({
        category,
        ...groupOf(agents.filter((agent) => agent.category === category)),
      })),
    };
  }

  /** Changes what the organization says of an agent; the catalogue stays as it is for everybody else. */
  async patch(principal: Principal, id: string, patch: AgentPatch): Promise<AgentWithFigures> {
    if (patch.launch !== undefined) assertMayLaunch(principal);
    const organization_id = organizationOf(principal);
    const before = await this.find(principal, id);
    const isRenamed = [patch.name, patch.description, patch.capabilities].some((field) => field !== undefined);
    if (isRenamed && !before.custom) throw new AgentOfCatalogue();
    if (patch.launch !== undefined && before.category === 'builtin') throw new AgentBuiltIn();
    const key = { organization_id, agent_type: before.agent_type, id };
    const fields = Object.entries(patch).flatMap(([field, value]) => (value === undefined ? [] : [field]));
    await this.database.transaction(async () => {
      const known = await this.store.lockSettings(key);
      await this.store.save(key, { ...known, ...without(patch), ...launcherOf(patch) });
      // What the command is may be nobody else's business; that it was changed is.
      await this.audit.record({
        organization_id,
        actor: principal.actor,
        action: 'agent.changed',
        subject: { agent_id: id },
        data: { fields },
      });
    });
    return this.find(principal, id);
  }

  /** Makes an agent of the organization's own. */
  async create(principal: Principal, { category = 'custom', ...input }: AgentInput): Promise<AgentWithFigures> {
    if (input.launch !== undefined) assertMayLaunch(principal);
    const organization_id = organizationOf(principal);
    const id = `${input.agent_type}-agent`;
    await this.database.transaction(async () => {
      if ((await this.store.countOwn(organization_id)) >= MOST_OWN) throw new TooManyAgents(MOST_OWN);
      await this.store.insert(organization_id, {
        ...input,
        id,
        category,
        enabled: input.enabled ?? true,
        capabilities: input.capabilities ?? [],
        launch: input.launch ?? null,
        launcher: launcherOf(input).launcher ?? null,
        default_timeout_seconds: input.default_timeout_seconds ?? null,
        max_concurrent: input.max_concurrent ?? null,
      });
      const fact = { actor: principal.actor, action: 'agent.created', subject: { agent_id: id } } as const;
      await this.audit.record({ ...fact, organization_id, data: { agent_type: input.agent_type } });
    });
    return this.find(principal, id);
  }

  /** Those of the types that an agent of the organization has. */
  async known(organizationId: string, types: readonly string[]): Promise<ReadonlyMap<string, KnownAgent>> {
    const keys = [...new Set(types)].map((agent_type) => keyOf({ organization_id: organizationId, agent_type }));
    const found = await Promise.all(keys.map((key) => this.knownAgents.find(key)));
    return new Map(found.flatMap((agent) => (agent === null ? [] : [[agent.agent_type, agent]])));
  }

  /** What a worker needs to start agents, by `keyOf`: entries without settings get the fleet's default CLI. */
  async launches(wanted: readonly AgentKey[]): Promise<Map<string, ClaimedAgent>> {
    const keys = new Map(
      wanted.map(({ organization_id, agent_type }) => [
        keyOf({ organization_id, agent_type }),
        { organization_id, agent_type },
      ]),
    );
    const agents = await this.store.findLaunches([...keys.values()]);
    return new Map(
      agents.map(({ organization_id, id, agent_type, name, launch }) => [
        keyOf({ organization_id, agent_type }),
        { id, agent_type, name, launch: (launch as Launch | null) ?? launchOf(this.config.agent_cli) },
      ]),
    );
  }
}

/** An agent within its organization, as a text. */
export const keyOf = ({ organization_id, agent_type }: AgentKey): string => `${organization_id} ${agent_type}`;

function readKey(key: string): AgentKey {
  const [organization_id = '', agent_type = ''] = key.split(' ');
  return { organization_id, agent_type };
}

/** A patch without what it does not say. */
const without = (patch: AgentPatch): Partial<AgentPatch> =>
  Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));

/** The CLI that a worker must have for a launch; a command that starts none that is known is for any worker. */
function launcherOf({ launch }: AgentPatch): { launcher?: string | null } {
  if (launch === undefined) return {};
  return { launcher: launch === null ? null : (cliIn(launch.command) ?? '') };
}

function groupOf(agents: readonly AgentWithFigures[]): AgentGroup {
  const sum = (count: (agent: AgentWithFigures) => number): number =>
    agents.reduce((total, agent) => total + count(agent), 0);
  return {
    agents: agents.length,
    enabled: agents.filter(({ enabled }) => enabled).length,
    running: sum(({ running }) => running),
    completed: sum(({ completed }) => completed),
    failed: sum(({ failed }) => failed),
  };
}

function readPlace(cursor: string): number {
  if (/^\d{1,9}$/.test(cursor)) return Number(cursor);
  throw new InvalidInput('The cursor is not one this server has given out.', [
    { field: 'cursor', message: 'cursor must be the next_cursor of an earlier answer' },
  ]);
}
