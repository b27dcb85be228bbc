import { Injectable } from '@nestjs/common';
import { OrganizationGone } from '../database/database.errors.js';
import { Database } from '../database/database.js';
import { TooManyLanes } from './queue.errors.js';

/** What a claim compares about a task, all tasks with the same of it being in one lane. */
export interface LaneKey {
  organization_id: string;
  repository_id: string | null;
  agent_type: string;
  required_labels: readonly string[];
}

const MOST_LANES = 2000;

@Injectable()
export class LanesStore {
  /** Lanes are removed with their organization only, so what was found once stays true for as long as anybody asks. */
  private readonly known = new Map<string, number>();

  constructor(private readonly database: Database) {}

  /** The lane of a task, made when it is the first of its kind. */
  async laneFor(key: LaneKey): Promise<number> {
    const labels = [...new Set(key.required_labels)].sort();
    const turn = `${key.organization_id}/${key.repository_id ?? '-'}`;
    const text = JSON.stringify([turn, key.agent_type, labels]);
    const known = this.known.get(text);
    if (known !== undefined) return known;
    // Outside of the transaction under way: its rollback must not take back what is remembered here.
    const id = await this.database.outside(() =>
      this.database.transaction(() => this.findOrCreate(text, turn, key, labels)),
    );
    this.known.set(text, id);
    return id;
  }

  /** Removes the lanes and turns of an organization whose queue is empty. */
  async removeAll(organizationId: string): Promise<void> {
    await this.database.query(
      `with gone as (delete from queue_lanes where organization_id = $1 returning turn_id)
       delete from queue_turns where id in (select turn_id from gone)`,
      [organizationId],
    );
  }

  private async findOrCreate(text: string, turn: string, key: LaneKey, labels: readonly string[]): Promise<number> {
    // Before anything that goes with the organization: its deletion and this would else wait for each other.
    const there = await this.database.one('select 1 from organizations where id = $1 for key share', [
      key.organization_id,
    ]);
    if (there === null) throw new OrganizationGone();
    await this.assertRoom(key.organization_id, text);
    await this.database.query('insert into queue_turns (key) values ($1) on conflict (key) do nothing', [turn]);
    await this.database.query(
      `insert into queue_lanes (key, turn_id, organization_id, repository_id, agent_type, required_labels)
       select $1, t.id, $3, $4, $5, $6 from queue_turns t where t.key = $2
       on conflict (key) do nothing`,
      [text, turn, key.organization_id, key.repository_id, key.agent_type, labels],
    );
    const row = await this.database.one<{ id: number }>('select id from queue_lanes where key = $1', [text]);
    if (row === null) throw new Error('a lane that was just made is not there');
    await this.database.query(
      `insert into queue_heads (lane_id, priority)
       select $1, priority from (values ('P0'), ('P1'), ('P2')) as p (priority) on conflict do nothing`,
      [row.id],
    );
    return row.id;
  }

  /** Each claim looks at every lane it may serve, so their number is bounded. */
  private async assertRoom(organizationId: string, text: string): Promise<void> {
    const row = await this.database.one<{ full: boolean }>(
      `select (select count(*) from queue_lanes where organization_id = $1) >= $3
              and not exists (select from queue_lanes where key = $2) as full`,
      [organizationId, text, MOST_LANES],
    );
    if (row?.full) throw new TooManyLanes(MOST_LANES);
  }
}
