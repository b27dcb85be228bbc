import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { Agent } from './agent.entity.js';
import type { CatalogueEntry } from './catalogue.js';

export interface AgentFigures {
  running: number;
  completed: number;
  failed: number;
  average_duration_seconds: number | null;
}

export type AgentWithFigures = Agent & AgentFigures;

const WITH_FIGURES = `
  select a.*, coalesce(f.running, 0) as running, coalesce(f.completed, 0) as completed, coalesce(f.failed, 0) as failed,
         f.average_duration_seconds
  from agents a left join (
    select agent_type,
           count(*) filter (where status = 'running')::integer as running,
           count(*) filter (where status = 'completed')::integer as completed,
           count(*) filter (where status = 'failed')::integer as failed,
           round(avg(extract(epoch from finished_at - started_at)) filter (where status = 'completed'), 3)::float8
             as average_duration_seconds
    from agent_executions where organization_id = $1 group by agent_type
  ) f on f.agent_type = a.agent_type`;

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

  /** Agents behind a place of the catalogue, in its order, with an organization's figures. */
  findPage(
    organizationId: string,
    categories: readonly string[],
    after: number,
    limit: number,
  ): Promise<AgentWithFigures[]> {
    return this.database.query<AgentWithFigures>(
      `${WITH_FIGURES} where a.category = any ($2) and a.position > $3 order by a.position limit $4`,
      [organizationId, categories, after, limit + 1],
    );
  }

  findOne(organizationId: string, id: string): Promise<AgentWithFigures | null> {
    return this.database.one<AgentWithFigures>(`${WITH_FIGURES} where a.id = $2`, [organizationId, id]);
  }

  async findKnown(types: readonly string[]): Promise<string[]> {
    const rows = await this.database.prepared<{ agent_type: string }>(
      'select agent_type from agents where agent_type = any ($1)',
      [types],
    );
    return rows.map(({ agent_type }) => agent_type);
  }

  findByTypes(types: readonly string[]): Promise<Agent[]> {
    return this.database.query<Agent>('select * from agents where agent_type = any ($1)', [types]);
  }
}
