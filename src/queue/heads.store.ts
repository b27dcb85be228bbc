import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

/** A moment, and which transactions may have begun to write before it. */
export interface Moment {
  at: string;
  /** Those with a smaller number. */
  next: string;
}

/**
 * A head moves to the first entry that can be seen, but not beyond a moment of which it is known that everybody has ended
 * who had begun to write before it: an entry that cannot be seen yet was written later, and carries a later time
 * (`QueueStore.enqueueAll`). An entry that was put before the head since changes `moves`, and the head stays. One look at
 * a time: two would wait for each other's rows.
 */
const ADVANCE = `
with look as materialized (
  select now()::text as at, pg_snapshot_xmax(pg_current_snapshot())::text as next,
         $2::text::xid8 <= pg_snapshot_xmin(pg_current_snapshot()) and pg_try_advisory_xact_lock($4) as may
), front as materialized (
  select h.lane_id, h.priority, h.moves, least(first.run_at, $3::timestamptz) as run_at
  from queue_heads h left join lateral (
    select q.run_at from queue_entries q
    where q.lane_id = h.lane_id and q.priority = h.priority and q.run_at >= h.run_at
    order by q.run_at, q.task_id limit 1
  ) first on true
  where h.lane_id = any ($1::integer[]) and (select may from look)
), moved as (
  update queue_heads h set run_at = front.run_at from front
  where h.lane_id = front.lane_id and h.priority = front.priority and h.moves = front.moves and h.run_at < front.run_at
)
select at, next from look`;

/** The limit has each head looked up by its index, however many entries are expected. */
const READY = `
select distinct lane.organization_id, lane.agent_type
from queue_heads h join queue_lanes lane on lane.id = h.lane_id
cross join lateral (
  select from queue_entries q
  where q.lane_id = h.lane_id and q.priority = h.priority and q.run_at >= h.run_at and q.run_at <= now()
  order by q.run_at, q.task_id limit 1
) first`;

/** Any number that no other advisory lock of this application uses. */
const HEADS_LOCK = 7_215_003;

/** Where lanes begin. */
@Injectable()
export class HeadsStore {
  constructor(private readonly database: Database) {}

  /** Moves the heads of lanes forward, as far as is known since `since`. Gives the moment of this look. */
  async advance(laneIds: readonly number[], since: Moment): Promise<Moment> {
    const [now] = await this.database.prepared<Moment>(ADVANCE, [laneIds, since.next, since.at, HEADS_LOCK]);
    return now ?? since;
  }

  /** Of which organizations and types of agents there are tasks that could begin now, as far as the queue knows. */
  async findReady(): Promise<{ organization_id: string; agent_type: string }[]> {
    return await this.database.prepared(READY, []);
  }

  /**
   * Moves heads back that have entries before them, which a claim does not find. There are none unless the clock of the
   * database was set back. Gives how many.
   */
  reopen(): Promise<number> {
    return this.database.count(
      `update queue_heads h set run_at = first.run_at, moves = h.moves + 1
       from queue_heads known cross join lateral (
         select q.run_at from queue_entries q
         where q.lane_id = known.lane_id and q.priority = known.priority and q.run_at < known.run_at
         order by q.run_at, q.task_id limit 1
       ) first
       where known.lane_id = h.lane_id and known.priority = h.priority and h.run_at > first.run_at`,
    );
  }
}
