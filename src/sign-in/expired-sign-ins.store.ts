import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

/** Queries on sign-ins that were begun and never ended. */
@Injectable()
export class ExpiredSignInsStore {
  constructor(private readonly database: Database) {}

  /** Sign-ins that have left for GitHub and not come back in time. */
  async deleteStates(limit: number): Promise<number> {
    return this.database.count(
      `delete from oauth_states where state_hash in (
         select state_hash from oauth_states where expires_at < now() order by expires_at limit $1 for update skip locked)`,
      [limit],
    );
  }

  /** Devices an hour after their codes have expired; until then they are told so when they ask. */
  async deleteDevices(limit: number): Promise<number> {
    return this.database.count(
      `delete from device_grants where id in (
         select id from device_grants where expires_at < now() - interval '1 hour'
         order by expires_at limit $1 for update skip locked)`,
      [limit],
    );
  }
}
