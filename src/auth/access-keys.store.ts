import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { AccessKey } from './access-key.entity.js';

/** What a request needs to know of a key. */
export type KnownKey = Pick<AccessKey, 'id' | 'organization_id' | 'kind' | 'worker_id' | 'permissions'> & {
  /** The hash in hexadecimal. */
  hash: string;
  /** Neither revoked nor expired. */
  is_live: boolean;
  /** Whether its last use was written down more than a minute ago. */
  is_stale: boolean;
};

export type NewAccessKey = Pick<
  AccessKey,
  'id' | 'organization_id' | 'kind' | 'worker_id' | 'name' | 'permissions' | 'secret_hash'
>;

/** Every query on access keys. */
@Injectable()
export class AccessKeysStore {
  constructor(private readonly database: Database) {}

  async insert(key: NewAccessKey): Promise<void> {
    await this.database.query(
      `insert into access_keys (id, organization_id, kind, worker_id, name, permissions, secret_hash)
       values ($1, $2, $3, $4, $5, $6, $7)`,
      [key.id, key.organization_id, key.kind, key.worker_id, key.name, key.permissions, key.secret_hash],
    );
  }

  /** What is known of the hashes (in hexadecimal), revoked keys included. */
  async findByHash(hashes: readonly string[]): Promise<ReadonlyMap<string, KnownKey>> {
    const rows = await this.database.query<KnownKey>(
      `select encode(secret_hash, 'hex') as hash, id, organization_id, kind, worker_id, permissions,
              revoked_at is null and (expires_at is null or expires_at > now()) as is_live,
              last_used_at is null or last_used_at < now() - interval '1 minute' as is_stale
       from access_keys where secret_hash = any($1::bytea[])`,
      [hashes.map((hash) => Buffer.from(hash, 'hex'))],
    );
    return new Map(rows.map((row) => [row.hash, row]));
  }

  async revokeForWorker(worker_id: string): Promise<void> {
    await this.database.query('update access_keys set revoked_at = now() where worker_id = $1 and revoked_at is null', [
      worker_id,
    ]);
  }

  /** Adds the key, or makes it valid again. */
  async saveRegistrationKey(key: NewAccessKey): Promise<void> {
    await this.database.query(
      `insert into access_keys (id, organization_id, kind, worker_id, name, permissions, secret_hash)
       values ($1, $2, $3, $4, $5, $6, $7)
       on conflict (secret_hash) do update set revoked_at = null, permissions = excluded.permissions
         where access_keys.kind = 'registration'`,
      [key.id, key.organization_id, key.kind, key.worker_id, key.name, key.permissions, key.secret_hash],
    );
  }

  /** Ends the keys of earlier configurations; without a hash, all of them. */
  async revokeRegistrationKeysExcept(secret_hash: Buffer | null): Promise<void> {
    await this.database.query(
      `update access_keys set revoked_at = now()
       where kind = 'registration' and organization_id is null and revoked_at is null
         and secret_hash is distinct from $1`,
      [secret_hash],
    );
  }

  /** Writes down that they were used, where that has not been done within the last minute. */
  async touch(ids: readonly string[]): Promise<void> {
    await this.database.query(
      `update access_keys set last_used_at = now() where id in (
         select id from access_keys
         where id = any($1::uuid[]) and (last_used_at is null or last_used_at < now() - interval '1 minute')
         for no key update skip locked)`,
      [ids],
    );
  }
}
