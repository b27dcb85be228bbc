import { Injectable } from '@nestjs/common';
import type { Actor } from '../auth/principal.js';
import { Database } from '../database/database.js';
import type { FleetPause } from './fleet-pause.entity.js';

@Injectable()
export class FleetPausesStore {
  constructor(private readonly database: Database) {}

  /** Null while the fleet of the organization works. */
  find(organizationId: string): Promise<FleetPause | null> {
    return this.database.one<FleetPause>('select * from fleet_pauses where organization_id = $1', [organizationId]);
  }

  /** A second pause takes the place of the first. */
  async save(organizationId: string, note: string | null, by: Actor): Promise<FleetPause> {
    const row = await this.database.one<FleetPause>(
      `insert into fleet_pauses (organization_id, note, paused_by) values ($1, $2, $3)
       on conflict (organization_id) do update set note = excluded.note, paused_by = excluded.paused_by, paused_at = now()
       returning *`,
      [organizationId, note, JSON.stringify(by)],
    );
    if (row === null) throw new Error('a pause that was just made is not there');
    return row;
  }

  /**
   * Waits until every claim has ended that was under way, by passing through the rows that claims lock: what locks them
   * from here on sees what was committed before.
   */
  async awaitClaims(organizationId: string): Promise<void> {
    await this.database.query(
      `select from worker_liveness where worker_id in (
         select id from workers where organization_id = $1
         union all select id from workers where organization_id is null
       ) order by worker_id for share`,
      [organizationId],
    );
  }

  /** False when there was none. */
  async remove(organizationId: string): Promise<boolean> {
    return (await this.database.count('delete from fleet_pauses where organization_id = $1', [organizationId])) > 0;
  }

  /** Types of agents that an organization has had tasks for. */
  async findAgentTypes(organizationId: string): Promise<string[]> {
    const rows = await this.database.query<{ agent_type: string }>(
      'select distinct agent_type from queue_lanes where organization_id = $1',
      [organizationId],
    );
    return rows.map(({ agent_type }) => agent_type);
  }
}
