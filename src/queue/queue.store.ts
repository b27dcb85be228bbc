import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

export interface NewEntry {
  task_id: string;
  lane_id: number;
  priority: string;
}

/** Not before the transaction has its number. */
const NOW = '(select clock_timestamp() where pg_current_xact_id() is not null)';

/**
 * Rows of tasks that may be claimed. Everywhere the queue row is locked before its task's row: a claim holds the first
 * while it changes the second, and the other order would deadlock with it.
 */
@Injectable()
export class QueueStore {
  constructor(private readonly database: Database) {}

  /**
   * Makes tasks claimable; none before its `run_at`, and none in the past, so that the order of a lane only grows. The
   * time is taken once the transaction has its number: whoever knows that all with a smaller number have ended has seen
   * all earlier times, and need not look for them again (`HeadsStore`). Where the clock has been set back they do come
   * before the head of their lane, which moves back with them.
   */
  async enqueueAll(entries: readonly (NewEntry & { run_at: Date | string })[]): Promise<void> {
    if (entries.length === 0) return;
    await this.database.query(
      `with entry as materialized (
         select task_id, lane_id, priority, greatest(run_at, ${NOW}) as run_at
         from jsonb_to_recordset($1::jsonb) as entry (task_id uuid, lane_id integer, priority text, run_at timestamptz)
         limit $2
       ), opened as (
         update queue_heads h set run_at = first.run_at, moves = h.moves + 1
         from (select lane_id, priority, min(run_at) as run_at from entry group by lane_id, priority) first
         where h.lane_id = first.lane_id and h.priority = first.priority and h.run_at > first.run_at
       )
       insert into queue_entries (task_id, lane_id, priority, run_at)
       select task_id, lane_id, priority, run_at from entry`,
      [JSON.stringify(entries), entries.length],
    );
  }

  /** Locks the queue row of a task until the transaction ends; false when a claim has taken it or there is none. */
  async lock(taskId: string): Promise<boolean> {
    const row = await this.database.one('select 1 from queue_entries where task_id = $1 for update', [taskId]);
    return row !== null;
  }

  /** Moves a locked entry to another lane or priority, where it keeps its time unless another one is given. */
  async reorder(entry: NewEntry, runAt: Date | null): Promise<void> {
    // Before the entry is there: who has looked at the lane without seeing it must not move its head beyond it.
    if (runAt === null)
      await this.database.query(
        `update queue_heads h set run_at = least(h.run_at, q.run_at), moves = h.moves + 1
         from queue_entries q where q.task_id = $1 and h.lane_id = $2 and h.priority = $3`,
        [entry.task_id, entry.lane_id, entry.priority],
      );
    await this.database.query(
      // Not by coalesce: the greatest of null and a time is that time.
      `update queue_entries set lane_id = $2, priority = $3,
         run_at = case when $4::timestamptz is null then run_at else greatest($4, ${NOW}) end
       where task_id = $1`,
      [entry.task_id, entry.lane_id, entry.priority, runAt],
    );
  }

  /** Takes a task out of the queue; false when a claim was faster. */
  async remove(taskId: string): Promise<boolean> {
    return (await this.database.count('delete from queue_entries where task_id = $1', [taskId])) > 0;
  }

  /**
   * Takes tasks of an organization out of the queue, passing over those that somebody holds: a claim may wait for the
   * organization, which who calls this has locked. Gives how many.
   */
  removeSome(organizationId: string, limit: number): Promise<number> {
    return this.database.count(
      `with free as materialized (
         select e.task_id from queue_lanes lane join queue_entries e on e.lane_id = lane.id
         where lane.organization_id = $1 limit $2 for update of e skip locked)
       delete from queue_entries q using free where q.task_id = free.task_id`,
      [organizationId, limit],
    );
  }

  async holdsAny(organizationId: string): Promise<boolean> {
    const row = await this.database.one(
      `select 1 from queue_lanes lane join queue_entries e on e.lane_id = lane.id where lane.organization_id = $1 limit 1`,
      [organizationId],
    );
    return row !== null;
  }
}
