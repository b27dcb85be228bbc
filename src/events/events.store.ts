import { Injectable } from '@nestjs/common';
import type { Actor } from '../auth/principal.js';
import { Database } from '../database/database.js';
import type { EventSubject, EventType } from './event-types.js';
import { OutboxFloor, type OutboxLook } from './outbox-floor.js';

export interface NewEvent {
  organization_id: string;
  type: EventType;
  actor: Actor;
  subject: EventSubject;
  data?: Record<string, unknown>;
}

export interface EventRow {
  position: string;
  type: EventType;
  actor: Actor;
  subject: EventSubject;
  data: Record<string, unknown>;
  created_at: Date;
}

/** Any number that no other advisory lock of this application uses. */
const SEQUENCER_LOCK = 7_215_002;

@Injectable()
export class EventsStore {
  private readonly floor = new OutboxFloor();

  constructor(private readonly database: Database) {}

  /** Writes facts to the outbox, in the transaction that made them true. It has its number before they have theirs. */
  record(events: readonly NewEvent[]): Promise<unknown> {
    return this.database.query(
      `insert into event_outbox (organization_id, type, actor, subject, data)
       select organization_id, type, actor, subject, coalesce(data, '{}')
       from jsonb_to_recordset($1::jsonb)
         as fact (organization_id uuid, type text, actor jsonb, subject jsonb, data jsonb)
       where pg_current_xact_id() is not null`,
      [JSON.stringify(events)],
    );
  }

  /**
   * Gives waiting facts their place. Only one process at a time does so and the lock lasts until its commit, so that
   * a reader never sees a place filled behind one it has already read. Gives how many were placed.
   */
  async sequence(limit: number): Promise<number> {
    const known = this.floor.known;
    const look = await this.database.preparedTransaction(async () => {
      await this.database.query('select pg_advisory_xact_lock($1)', [SEQUENCER_LOCK]);
      return this.database.one<OutboxLook>(
        `with next as (
           delete from event_outbox
           where id = any (array(select id from event_outbox where id >= $2::bigint order by id limit $1)) returning *
         ), placed as (
           insert into events (organization_id, type, actor, subject, data, created_at)
           select organization_id, type, actor, subject, data, created_at from next order by id
         )
         select (select count(*)::integer from next) as placed, (select max(id) from next) as reached,
                (select case when is_called then last_value else 0 end from event_outbox_id_seq) as last,
                pg_snapshot_xmax(pg_current_snapshot())::text as next,
                $3::text::xid8 <= pg_snapshot_xmin(pg_current_snapshot()) as over`,
        [limit, known.from, known.next],
      );
    });
    if (look === null) return 0;
    this.floor.saw(known, look, limit);
    return look.placed;
  }

  /** Removes events from the front of the order that happened long ago. Gives how many. */
  removeAged(days: number, limit: number): Promise<number> {
    return this.database.count(
      `delete from events where position in (
         select position from (select position, created_at from events order by position limit $2) front
         where created_at < now() - make_interval(days => $1))`,
      [days, limit],
    );
  }

  /** Facts that wait for their place: how many, counted to ten thousand, and for how many seconds the first of them. */
  async lag(): Promise<{ waiting: number; seconds: number }> {
    const row = await this.database.one<{ waiting: number; seconds: number }>(
      `select (select count(*)::integer from (select from event_outbox where id >= $1::bigint limit 10000) front) as waiting,
              coalesce((
                select extract(epoch from now() - created_at) from event_outbox where id >= $1::bigint order by id limit 1
              ), 0)::float8 as seconds`,
      [this.floor.known.from],
    );
    return row ?? { waiting: 0, seconds: 0 };
  }

  async backlog(): Promise<boolean> {
    const row = await this.database.one<{ waiting: boolean }>(
      'select exists (select from event_outbox where id >= $1::bigint) as waiting',
      [this.floor.known.from],
    );
    return row?.waiting ?? false;
  }

  async findAfter(filter: {
    organization_id: string;
    after: string;
    types: readonly string[] | null;
    task_id: string | null;
    limit: number;
  }): Promise<EventRow[]> {
    return this.database.query<EventRow>(
      `select position, type, actor, subject, data, created_at from events
       where organization_id = $1 and position > $2::bigint
         and ($3::text[] is null or type = any($3)) and ($4::text is null or subject->>'task_id' = $4)
       order by position limit $5`,
      [filter.organization_id, filter.after, filter.types, filter.task_id, filter.limit],
    );
  }

  /**
   * The first facts of some types in the slice of the order behind a position: a rare type must not mean a look at all
   * there is. `end` is where the slice ends, null when nothing is behind it.
   */
  async findInSlice(filter: {
    organization_id: string;
    after: string;
    types: readonly string[];
    slice: number;
    limit: number;
  }): Promise<{ rows: EventRow[]; end: string | null }> {
    const rows = await this.database.query<EventRow & { slice_end: string | null }>(
      `with slice as materialized (
         select position, type, actor, subject, data, created_at from events
         where organization_id = $1 and position > $2::bigint order by position limit $4
       )
       select s.*, last.slice_end
       from (select case when count(*) = $4 then max(position) end as slice_end from slice) last
       left join lateral (select * from slice where type = any ($3) order by position limit $5) s on true
       order by s.position`,
      [filter.organization_id, filter.after, filter.types, filter.slice, filter.limit],
    );
    return { rows: rows.filter(({ position }) => position !== null), end: rows[0]?.slice_end ?? null };
  }

  /** The last position of an organization; `0` when it has none. */
  async findEnd(organization_id: string): Promise<string> {
    const row = await this.database.one<{ position: string }>(
      'select coalesce(max(position), 0) as position from events where organization_id = $1',
      [organization_id],
    );
    return row?.position ?? '0';
  }

  /** Which of some organizations have events behind the position given for each. */
  async findBehind(ends: readonly { organization_id: string; position: string }[]): Promise<string[]> {
    const rows = await this.database.query<{ organization_id: string }>(
      `select known.organization_id from unnest($1::uuid[], $2::bigint[]) as known (organization_id, position)
       where exists (
         select from events e where e.organization_id = known.organization_id and e.position > known.position)`,
      [ends.map((end) => end.organization_id), ends.map((end) => end.position)],
    );
    return rows.map(({ organization_id }) => organization_id);
  }

  /** Removes events that have their place; gives how many. */
  async removeSome(organization_id: string, limit: number): Promise<number> {
    return this.database.count(
      `delete from events where position in (
         select position from events where organization_id = $1 order by position limit $2)`,
      [organization_id, limit],
    );
  }

  /** Removes events that wait for their place. */
  async removeWaiting(organization_id: string): Promise<void> {
    await this.database.query('delete from event_outbox where organization_id = $1', [organization_id]);
  }
}
