import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { EventRow } from './events.store.js';

/** What who goes through all events is told of one. */
export type MarkedEvent = Pick<EventRow, 'position' | 'type' | 'subject' | 'data' | 'created_at'>;

/** How far those within the server have come who take every event once. */
@Injectable()
export class EventMarksStore {
  constructor(private readonly database: Database) {}

  /** Whether there are events behind a mark. */
  async isBehind(name: string): Promise<boolean> {
    const row = await this.database.one<{ behind: boolean }>(
      `select coalesce((select position from events order by position desc limit 1), 0)
              > coalesce((select position from event_marks where name = $1), 0) as behind`,
      [name],
    );
    return row?.behind ?? false;
  }

  /** Locks a mark until the transaction ends; with its position. */
  async lock(name: string): Promise<string> {
    await this.database.query('insert into event_marks (name, position) values ($1, 0) on conflict do nothing', [name]);
    const row = await this.database.one<{ position: string }>(
      'select position from event_marks where name = $1 for update',
      [name],
    );
    return row?.position ?? '0';
  }

  async move(name: string, position: string): Promise<void> {
    await this.database.query('update event_marks set position = $2 where name = $1', [name, position]);
  }

  /** Those of some types among the next events of all organizations, and where these end; null when there are none. */
  async findNext(
    after: string,
    types: readonly string[],
    limit: number,
  ): Promise<{ events: MarkedEvent[]; end: string | null }> {
    const rows = await this.database.query<MarkedEvent & { slice_end: string | null }>(
      `with slice as materialized (
         select position, type, subject, data, created_at from events where position > $1::bigint
         order by position limit $3
       )
       select s.*, last.slice_end
       from (select max(position) as slice_end from slice) last left join slice s on s.type = any ($2)
       order by s.position`,
      [after, types, limit],
    );
    return { events: rows.filter(({ position }) => position !== null), end: rows[0]?.slice_end ?? null };
  }
}
