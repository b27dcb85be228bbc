import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import type { AccessKey } from './access-key.entity.js';
import type { Permission, Role } from './permissions.js';

/** What a request needs to know of a key. */
export type KnownKey = Pick<
  AccessKey,
  'id' | 'organization_id' | 'kind' | 'worker_id' | 'coordinator_id' | 'permissions' | 'created_by' | 'joins'
> & {
  /** The hash in hexadecimal. */
  hash: string;
  /** What the maker of an API key or a join token is in its organization now; null for other keys. */
  role: Role | null;
  /** Why the token of a worker or a coordinator is not good any more; null for other keys, and while it is. */
  end: 'rotated' | 'replaced' | 'deleted' | null;
  /** Neither revoked nor expired nor used up; and where people make such keys, the maker is still a member. */
  is_live: boolean;
  /** Whether its last use was written down more than a minute ago. */
  is_stale: boolean;
};

export type NewAccessKey = Pick<
  AccessKey,
  'id' | 'organization_id' | 'kind' | 'worker_id' | 'name' | 'permissions' | 'secret_hash'
> & { coordinator_id?: string; labels?: readonly string[] | null };

export interface NewApiKey {
  id: string;
  organization_id: string;
  name: string;
  prefix: string;
  permissions: readonly Permission[];
  secret_hash: Buffer;
  created_by: string;
  expires_at: string | null;
}

/** An API key as people see it. */
export type ApiKeyRow = Pick<
  AccessKey,
  'id' | 'name' | 'permissions' | 'created_at' | 'expires_at' | 'last_used_at' | 'revoked_at'
> & { prefix: string; created_by: { id: string; login: string } | null; cursor_at: string };

/** Which API keys: those of an organization, or of one person in it. */
export interface ApiKeyScope {
  organization_id: string;
  created_by: string | null;
}

const API_KEY_COLUMNS = `k.id, k.name, k.prefix, k.permissions, k.created_at, k.expires_at, k.last_used_at, k.revoked_at,
  case when u.id is not null then json_build_object('id', u.id, 'login', u.login) end as created_by,
  ${cursorTime('k.created_at')} as cursor_at`;

/** Every query on access keys. */
@Injectable()
export class AccessKeysStore {
  constructor(private readonly database: Database) {}

  async insert(key: NewAccessKey): Promise<void> {
    await this.database.query(
      `insert into access_keys (id, organization_id, kind, worker_id, name, permissions, secret_hash, labels, coordinator_id)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        key.id,
        key.organization_id,
        key.kind,
        key.worker_id,
        key.name,
        key.permissions,
        key.secret_hash,
        key.labels ?? null,
        key.coordinator_id ?? null,
      ],
    );
  }

  /** Whether the end of a key is set. */
  async isExpiring(id: string): Promise<boolean> {
    const row = await this.database.one('select from access_keys where id = $1 and expires_at is not null', [id]);
    return row !== null;
  }

  /** The labels that came with the last token of a worker. */
  async findLabels(worker_id: string): Promise<string[]> {
    const row = await this.database.one<{ labels: string[] | null }>(
      'select labels from access_keys where worker_id = $1 order by id desc limit 1',
      [worker_id],
    );
    return row?.labels ?? [];
  }

  /** The labels that came with the last token of a coordinator, for its workers. */
  async findCoordinatorLabels(coordinator_id: string): Promise<string[]> {
    const row = await this.database.one<{ labels: string[] | null }>(
      'select labels from access_keys where coordinator_id = $1 order by id desc limit 1',
      [coordinator_id],
    );
    return row?.labels ?? [];
  }

  /**
   * What is known of the hashes (in hexadecimal), revoked keys included. The role is read in the same statement, as for
   * sessions: every request pays for this. Who left and came back is a member anew, and the keys of before stay dead.
   */
  async findByHash(hashes: readonly string[]): Promise<ReadonlyMap<string, KnownKey>> {
    const rows = await this.database.prepared<KnownKey>(
      `select encode(k.secret_hash, 'hex') as hash, k.id, k.organization_id, k.kind, k.worker_id, k.coordinator_id,
              k.permissions, k.created_by, k.joins, m.role,
              case when k.kind not in ('worker', 'coordinator') then null
                   when k.revoked_at is null then case when k.expires_at <= now() then 'rotated' end
                   when exists (select from workers w where w.id = k.worker_id) then 'replaced'
                   when exists (select from coordinators c where c.id = k.coordinator_id) then 'replaced'
                   else 'deleted' end as "end",
              k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
                and (k.kind not in ('api_key', 'join') or m.role is not null)
                and (k.uses_left is null or k.uses_left > 0) as is_live,
              k.last_used_at is null or k.last_used_at < now() - interval '1 minute' as is_stale
       from access_keys k
       left join organization_members m on k.kind in ('api_key', 'join') and m.organization_id = k.organization_id
         and m.user_id = k.created_by and m.created_at <= k.created_at
       where k.secret_hash = any($1::bytea[])`,
      [hashes.map((hash) => Buffer.from(hash, 'hex'))],
    );
    return new Map(rows.map((row) => [row.hash, row]));
  }

  /**
   * Those that may stand for somebody else than before, or for nobody. A worker's or coordinator's token stands for the
   * same one as long as it is good; for the others there is more to be looked at.
   */
  async findUnsure(hashes: readonly string[]): Promise<ReadonlyMap<string, true>> {
    const rows = await this.database.prepared<{ hash: string }>(
      `select encode(asked.hash, 'hex') as hash
       from unnest($1::bytea[]) as asked (hash)
       left join access_keys k on k.secret_hash = asked.hash and k.kind in ('worker', 'coordinator')
         and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
       where k.id is null`,
      [hashes.map((hash) => Buffer.from(hash, 'hex'))],
    );
    return new Map(rows.map(({ hash }) => [hash, true]));
  }

  /** Null when it would not expire within the years to come. */
  async insertApiKey(key: NewApiKey): Promise<ApiKeyRow | null> {
    return this.database.one(
      `with k as (
         insert into access_keys
           (id, organization_id, kind, name, prefix, permissions, secret_hash, created_by, expires_at)
         select $1, $2, 'api_key', $3, $4, $5, $6, $7, expires_at from (select $8::timestamptz as expires_at) given
         where expires_at is null or (expires_at > now() and expires_at <= now() + interval '10 years')
         returning *)
       select ${API_KEY_COLUMNS} from k left join users u on u.id = k.created_by`,
      [
        key.id,
        key.organization_id,
        key.name,
        key.prefix,
        key.permissions,
        key.secret_hash,
        key.created_by,
        key.expires_at,
      ],
    );
  }

  /** Newest first, revoked ones included. */
  async listApiKeys(scope: ApiKeyScope, after: Position | null, limit: number): Promise<ApiKeyRow[]> {
    return this.database.query(
      `select ${API_KEY_COLUMNS} from access_keys k left join users u on u.id = k.created_by
       where k.kind = 'api_key' and k.organization_id = $1 and ($2::uuid is null or k.created_by = $2)
         and ($3::timestamptz is null or (k.created_at, k.id) < ($3, $4::uuid))
       order by k.created_at desc, k.id desc limit $5`,
      [scope.organization_id, scope.created_by, after?.at ?? null, after?.id ?? null, limit],
    );
  }

  /** Locks an API key until the transaction ends. */
  async lockApiKey(scope: ApiKeyScope, id: string): Promise<ApiKeyRow | null> {
    return this.database.one(
      `select ${API_KEY_COLUMNS} from access_keys k left join users u on u.id = k.created_by
       where k.kind = 'api_key' and k.id = $3 and k.organization_id = $1 and ($2::uuid is null or k.created_by = $2)
       for update of k`,
      [scope.organization_id, scope.created_by, id],
    );
  }

  async revoke(id: string): Promise<void> {
    await this.database.query('update access_keys set revoked_at = now() where id = $1', [id]);
  }

  /** Ends the tokens of a worker, but for one where it is named. */
  async revokeForWorker(worker_id: string, but: string | null): Promise<void> {
    await this.database.query(
      `update access_keys set revoked_at = now()
       where worker_id = $1 and revoked_at is null and ($2::uuid is null or id <> $2)`,
      [worker_id, but],
    );
  }

  /** Ends the tokens of a coordinator, but for one where it is named. */
  async revokeForCoordinator(coordinator_id: string, but: string | null): Promise<void> {
    await this.database.query(
      `update access_keys set revoked_at = now()
       where coordinator_id = $1 and revoked_at is null and ($2::uuid is null or id <> $2)`,
      [coordinator_id, but],
    );
  }

  /**
   * Has the tokens of a worker expire in a while, those that would not do so before. Gives those that are still good; the
   * row of the worker is locked.
   */
  async expireForWorker(worker_id: string, seconds: number): Promise<string[]> {
    await this.database.query(
      `update access_keys set expires_at = now() + make_interval(secs => $2)
       where worker_id = $1 and revoked_at is null and expires_at is null`,
      [worker_id, seconds],
    );
    const rows = await this.database.query<{ id: string }>(
      'select id from access_keys where worker_id = $1 and revoked_at is null and expires_at > now()',
      [worker_id],
    );
    return rows.map(({ id }) => id);
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
