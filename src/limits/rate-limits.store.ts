import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

/** What rate-limiter-flexible takes for a connection to PostgreSQL. */
export interface LimiterConnection {
  query(statement: { text: string; values: unknown[] }): Promise<{ rows: object[]; rowCount: number }>;
}

/** Every query on the counts of attempts; those that count are written by rate-limiter-flexible. */
@Injectable()
export class RateLimitsStore {
  /** The name of the table, as the library is to be told. */
  readonly table = 'rate_limits';

  /** Counts outside of the transaction under way: an attempt stays one, whatever becomes of it. */
  readonly connection: LimiterConnection = {
    query: async ({ text, values }) => {
      const rows = await this.database.outside(() => this.database.query(text, values));
      return { rows, rowCount: rows.length };
    },
  };

  constructor(private readonly database: Database) {}

  /** Forgets counts whose time is over. One that is being counted on right now is left alone. */
  async deleteExpired(limit: number): Promise<number> {
    return this.database.count(
      `delete from rate_limits where key in (
         select key from rate_limits where expire < (extract(epoch from now()) * 1000)::bigint
         order by expire limit $1 for update skip locked)`,
      [limit],
    );
  }
}
