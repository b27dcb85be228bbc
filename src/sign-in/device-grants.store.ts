import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { DeviceGrant } from './device-grant.entity.js';

export type NewDeviceGrant = Pick<
  DeviceGrant,
  'id' | 'device_code_hash' | 'user_code_hash' | 'client_name' | 'ip' | 'user_agent' | 'interval_seconds'
> & {
  /** Seconds until it expires. */
  life: number;
};

/** What a device that asks for its tokens is told. */
export type Poll = Pick<DeviceGrant, 'status' | 'interval_seconds'> & { expired: boolean; too_soon: boolean };

/** Who answers a device, and how. */
export type Answer = Pick<DeviceGrant, 'user_id' | 'organization_id' | 'session_id'> & {
  status: 'approved' | 'denied';
};

/** An approval that is used up. */
export interface TakenApproval {
  session_id: string;
  organization_id: string;
  client_name: string;
}

/** Every query on devices that wait for approval. */
@Injectable()
export class DeviceGrantsStore {
  constructor(private readonly database: Database) {}

  /** False when the user code is in use: then nothing is added. */
  async insert(grant: NewDeviceGrant): Promise<boolean> {
    const { id, device_code_hash, user_code_hash, client_name, ip, user_agent, interval_seconds, life } = grant;
    const added = await this.database.count(
      `insert into device_grants
         (id, device_code_hash, user_code_hash, client_name, ip, user_agent, interval_seconds, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))
       on conflict (user_code_hash) do nothing`,
      [id, device_code_hash, user_code_hash, client_name, ip, user_agent, interval_seconds, life],
    );
    return added > 0;
  }

  /**
   * How the device stands. While it waits, the time of the question is written down, and one that comes too soon makes
   * the interval longer by `penalty` seconds (RFC 8628 §3.5). Null when there is no such code.
   */
  async poll(device_code_hash: Buffer, penalty: number): Promise<Poll | null> {
    return this.database.one(
      `with seen as (
         select id, status, interval_seconds, expires_at <= now() as expired,
           last_polled_at is not null and last_polled_at > now() - make_interval(secs => interval_seconds) as too_soon
         from device_grants where device_code_hash = $1 for update),
       noted as (
         update device_grants g set last_polled_at = now(),
           interval_seconds = seen.interval_seconds + case when seen.too_soon then $2::integer else 0 end
         from seen where g.id = seen.id and seen.status = 'pending' and not seen.expired
         returning g.interval_seconds)
       select status, expired, too_soon, coalesce((select interval_seconds from noted), interval_seconds) as interval_seconds
       from seen`,
      [device_code_hash, penalty],
    );
  }

  /** Uses up an approval: of several who ask at once, one gets it. */
  async take(device_code_hash: Buffer): Promise<TakenApproval | null> {
    return this.database.one(
      `update device_grants set status = 'used'
       where device_code_hash = $1 and status = 'approved' and expires_at > now()
       returning session_id, organization_id, client_name`,
      [device_code_hash],
    );
  }

  /** Turns an approval down after all. */
  async deny(device_code_hash: Buffer): Promise<void> {
    await this.database.query(`update device_grants set status = 'denied' where device_code_hash = $1`, [
      device_code_hash,
    ]);
  }

  /** The device with a code that has not expired: one that waits, or that the person has answered themselves. */
  async find(user_code_hash: Buffer, user_id: string): Promise<DeviceGrant | null> {
    return this.database.one<DeviceGrant>(
      `select * from device_grants
       where user_code_hash = $1 and expires_at > now() and (status = 'pending' or user_id = $2)`,
      [user_code_hash, user_id],
    );
  }

  /** Approves or denies a device that waits; of two answers the first one counts. Null when none waits. */
  async answer(
    user_code_hash: Buffer,
    { status, user_id, organization_id, session_id }: Answer,
  ): Promise<DeviceGrant | null> {
    return this.database.one<DeviceGrant>(
      `update device_grants set status = $2, user_id = $3, organization_id = $4, session_id = $5
       where user_code_hash = $1 and status = 'pending' and expires_at > now() returning *`,
      [user_code_hash, status, user_id, organization_id, session_id],
    );
  }
}
