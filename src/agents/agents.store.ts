import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { violates } from '../database/database.errors.js';
import type { Agent } from './agent.entity.js';
import { AgentTaken } from './agents.errors.js';
import type { CatalogueEntry } from './catalogue.js';
import type { OrganizationAgent } from './organization-agent.entity.js';

export interface AgentFigures {
  running: number;
  completed: number;
  failed: number;
  average_duration_seconds: number | null;
}

/** An agent as an organization has it: the catalogue's, or its own. */
export type OwnAgent = Omit<Agent, 'category'> & { category: Agent['category'] | 'custom'; custom: boolean };

export type AgentWithFigures = OwnAgent & AgentFigures;

/** What an organization says of an agent. Null leaves it to the catalogue, or is no limit. */
export type AgentSettings = Pick<
  OrganizationAgent,
  | 'enabled'
  | 'launch'
  | 'launcher'
  | 'default_timeout_seconds'
  | 'max_concurrent'
  | 'name'
  | 'description'
  | 'capabilities'
>;

export type NewAgent = AgentSettings & Pick<OrganizationAgent, 'id' | 'agent_type' | 'category'>;

/** An agent within an organization. */
export interface AgentKey {
  organization_id: string;
  agent_type: string;
}

const OWN = `
  select a.id, a.agent_type, a.name, a.layer, a.category, a.description, a.capabilities, a.position,
         coalesce(o.enabled, a.enabled) as enabled, coalesce(o.launch, a.launch) as launch,
         coalesce(o.launcher, a.launcher) as launcher,
         coalesce(o.default_timeout_seconds, a.default_timeout_seconds) as default_timeout_seconds,
         coalesce(o.max_concurrent, a.max_concurrent) as max_concurrent, false as custom
  from agents a left join organization_agents o on o.organization_id = $1 and o.agent_type = a.agent_type
  union all
  select o.id, o.agent_type, o.name, 4, o.category, o.description, o.capabilities, o.position, o.enabled, o.launch,
         o.launcher, coalesce(o.default_timeout_seconds, 3600), o.max_concurrent, true
  from organization_agents o where o.organization_id = $1 and o.name is not null`;

/** What runs is counted by the tasks that run, of which there are as many as the fleet has room for. */
const WITH_FIGURES = `
  select own.*, coalesce(now_running.running, 0) as running, coalesce(ended.completed, 0) as completed,
         coalesce(ended.failed, 0) as failed,
         round((ended.seconds / nullif(ended.completed, 0))::numeric, 3)::float8 as average_duration_seconds
  from (${OWN}) own left join (
    select agent_type, sum(completed)::float8 as completed, sum(failed)::float8 as failed, sum(seconds) as seconds
    from (
      select agent_type, completed, failed, seconds from agent_counts where organization_id = $1
      union all
      select agent_type, completed, failed, seconds from agent_count_changes where organization_id = $1
    ) counted group by agent_type
  ) ended on ended.agent_type = own.agent_type left join (
    select agent_type, count(*)::integer as running from tasks
    where organization_id = $1 and status = 'running' group by agent_type
  ) now_running on now_running.agent_type = own.agent_type`;

@Injectable()
export class AgentsStore {
  constructor(private readonly database: Database) {}

  /** Writes the catalogue; settings of entries that are there already stay. */
  async seed(entries: readonly CatalogueEntry[]): Promise<void> {
    await this.database.query(
      `insert into agents (id, agent_type, name, layer, category, description, capabilities, launch, position)
       select id, agent_type, name, layer, category, description, capabilities, launch, position
       from jsonb_to_recordset($1::jsonb) as entry (id text, agent_type text, name text, layer integer, category text,
         description text, capabilities text[], launch jsonb, position integer)
       on conflict (id) do update set name = excluded.name, layer = excluded.layer, category = excluded.category,
         description = excluded.description, capabilities = excluded.capabilities, position = excluded.position`,
      [JSON.stringify(entries.map((entry, position) => ({ ...entry, position })))],
    );
  }

  /** Agents behind a place of the list: the catalogue in its order, then the organization's own; with its figures. */
  findPage(
    organizationId: string,
    categories: readonly string[],
    after: number,
    limit: number,
  ): Promise<AgentWithFigures[]> {
    return this.database.query<AgentWithFigures>(
      `${WITH_FIGURES} where own.category = any ($2) and own.position > $3 order by own.position limit $4`,
      [organizationId, categories, after, limit],
    );
  }

  findOne(organizationId: string, id: string): Promise<AgentWithFigures | null> {
    return this.database.one<AgentWithFigures>(`${WITH_FIGURES} where own.id = $2`, [organizationId, id]);
  }

  /** Those of the keys that an agent has, with how long its attempts may take when their tasks do not say. */
  async findKnown(keys: readonly AgentKey[]): Promise<(AgentKey & { default_timeout_seconds: number })[]> {
    return await this.database.prepared(
      `select one.organization_id, one.agent_type,
              coalesce(o.default_timeout_seconds, a.default_timeout_seconds, 3600) as default_timeout_seconds
       from (
         select * from jsonb_to_recordset($1::jsonb) as said (organization_id uuid, agent_type text) limit $2
       ) one left join agents a on a.agent_type = one.agent_type
       left join organization_agents o on o.organization_id = one.organization_id and o.agent_type = one.agent_type
       where a.id is not null or o.name is not null`,
      [JSON.stringify(keys), keys.length],
    );
  }

  /** What a worker is to know of agents that it starts. */
  findLaunches(keys: readonly AgentKey[]): Promise<(AgentKey & Pick<OwnAgent, 'id' | 'name' | 'launch'>)[]> {
    return this.database.query(
      `select one.organization_id, one.agent_type, coalesce(a.id, o.id) as id, coalesce(a.name, o.name) as name,
              coalesce(o.launch, a.launch) as launch
       from (
         select * from jsonb_to_recordset($1::jsonb) as said (organization_id uuid, agent_type text) limit $2
       ) one left join agents a on a.agent_type = one.agent_type
       left join organization_agents o on o.organization_id = one.organization_id and o.agent_type = one.agent_type`,
      [JSON.stringify(keys), keys.length],
    );
  }

  /** What an organization has said of an agent, which is nothing at first; locked until the transaction ends. */
  async lockSettings({ organization_id, agent_type, id }: AgentKey & { id: string }): Promise<OrganizationAgent> {
    await this.database.query(
      `insert into organization_agents (organization_id, agent_type, id) values ($1, $2, $3)
       on conflict (organization_id, agent_type) do nothing`,
      [organization_id, agent_type, id],
    );
    const row = await this.database.one<OrganizationAgent>(
      'select * from organization_agents where organization_id = $1 and agent_type = $2 for update',
      [organization_id, agent_type],
    );
    if (row === null) throw new Error('settings that were just made are not there');
    return row;
  }

  /** Writes what an organization says of an agent, whose settings are locked. */
  async save({ organization_id, agent_type }: AgentKey, settings: AgentSettings): Promise<void> {
    await this.database.query(
      `update organization_agents set enabled = $3, launch = $4, launcher = $5, default_timeout_seconds = $6,
         max_concurrent = $7, name = $8, description = $9, capabilities = $10
       where organization_id = $1 and agent_type = $2`,
      [organization_id, agent_type, ...valuesOf(settings)],
    );
  }

  /** Throws AgentTaken when the catalogue or the organization has an agent of this type. */
  async insert(organizationId: string, agent: NewAgent): Promise<void> {
    try {
      const made = await this.database.count(
        `insert into organization_agents (organization_id, agent_type, id, category, enabled, launch, launcher,
           default_timeout_seconds, max_concurrent, name, description, capabilities)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
         where not exists (select from agents where agent_type = $2 or id = $3)`,
        [organizationId, agent.agent_type, agent.id, agent.category, ...valuesOf(agent)],
      );
      if (made === 0) throw new AgentTaken();
    } catch (error) {
      const keys = ['organization_agents_pkey', 'organization_agents_id_key'];
      throw keys.some((name) => violates(error, name)) ? new AgentTaken() : error;
    }
  }

  async countOwn(organizationId: string): Promise<number> {
    const row = await this.database.one<{ agents: number }>(
      'select count(*)::integer as agents from organization_agents where organization_id = $1 and name is not null',
      [organizationId],
    );
    return row?.agents ?? 0;
  }

  /** Folds the oldest differences into the counts; gives how many. To be run by one process at a time. */
  async fold(limit: number): Promise<number> {
    const row = await this.database.one<{ folded: number }>(
      `with taken as (
         delete from agent_count_changes where id = any (array(select id from agent_count_changes order by id limit $1))
         returning organization_id, agent_type, completed, failed, seconds
       ), counted as (
         insert into agent_counts as known (organization_id, agent_type, completed, failed, seconds)
         select organization_id, agent_type, sum(completed), sum(failed), sum(seconds) from taken
         group by organization_id, agent_type
         on conflict (organization_id, agent_type) do update set completed = known.completed + excluded.completed,
           failed = known.failed + excluded.failed, seconds = known.seconds + excluded.seconds
       )
       select count(*)::integer as folded from taken`,
      [limit],
    );
    return row?.folded ?? 0;
  }

  /** Forgets what an organization's agents did. */
  async removeCounts(organizationId: string): Promise<void> {
    await this.database.query('delete from agent_counts where organization_id = $1', [organizationId]);
    await this.database.query('delete from agent_count_changes where organization_id = $1', [organizationId]);
  }
}

const valuesOf = (settings: AgentSettings): unknown[] => [
  settings.enabled,
  settings.launch === null ? null : JSON.stringify(settings.launch),
  settings.launcher,
  settings.default_timeout_seconds,
  settings.max_concurrent,
  settings.name,
  settings.description,
  settings.capabilities,
];
