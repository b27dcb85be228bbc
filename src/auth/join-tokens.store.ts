import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { cursorTime, type Position } from '../http/page.js';
import type { AccessKey } from './access-key.entity.js';

export interface NewJoinToken {
  id: string;
  organization_id: string;
  prefix: string;
  secret_hash: Buffer;
  created_by: string;
  expires_in: number;
  joins: 'worker' | 'coordinator';
  uses: number;
  labels: readonly string[];
}

/** A join token as people see it. */
export type JoinTokenRow = Pick<AccessKey, 'id' | 'created_at' | 'last_used_at' | 'revoked_at'> & {
  prefix: string;
  expires_at: Date;
  joins: 'worker' | 'coordinator';
  uses_left: number;
  labels: string[];
  created_by: { id: string; login: string } | null;
  cursor_at: string;
};

const COLUMNS = `k.id, k.prefix, k.joins, k.uses_left, k.labels, k.created_at, k.expires_at, k.last_used_at, k.revoked_at,
  case when u.id is not null then json_build_object('id', u.id, 'login', u.login) end as created_by,
  ${cursorTime('k.created_at')} as cursor_at`;

/** The join tokens among the access keys. */
@Injectable()
export class JoinTokensStore {
  constructor(private readonly database: Database) {}

  async insert(token: NewJoinToken): Promise<JoinTokenRow> {
    const row = await this.database.one<JoinTokenRow>(
      `with k as (
         insert into access_keys
           (id, organization_id, kind, name, prefix, permissions, secret_hash, created_by, expires_at, uses_left, labels, joins)
         values ($1, $2, 'join', 'join token', $3, '{}', $4, $5, now() + make_interval(secs => $6), $7, $8, $9)
         returning *)
       select ${COLUMNS} from k left join users u on u.id = k.created_by`,
      [
        token.id,
        token.organization_id,
        token.prefix,
        token.secret_hash,
        token.created_by,
        token.expires_in,
        token.uses,
        token.labels,
        token.joins,
      ],
    );
    if (row === null) throw new Error('an insertion gave no row');
    return row;
  }

  /** Newest first; those that are over included. */
  findPage(organization_id: string, after: Position | null, limit: number): Promise<JoinTokenRow[]> {
    return this.database.query(
      `select ${COLUMNS} from access_keys k left join users u on u.id = k.created_by
       where k.kind = 'join' and k.organization_id = $1
         and ($2::timestamptz is null or (k.created_at, k.id) < ($2, $3::uuid))
       order by k.created_at desc, k.id desc limit $4`,
      [organization_id, after?.at ?? null, after?.id ?? null, limit],
    );
  }

  /** Locks a token until the transaction ends. */
  lock(organization_id: string, id: string): Promise<JoinTokenRow | null> {
    return this.database.one(
      `select ${COLUMNS} from access_keys k left join users u on u.id = k.created_by
       where k.kind = 'join' and k.id = $2 and k.organization_id = $1 for update of k`,
      [organization_id, id],
    );
  }

  async revoke(id: string): Promise<void> {
    await this.database.query('update access_keys set revoked_at = now() where id = $1', [id]);
  }

  /** Takes one use of it, whoever else wants the last one; null when there is none, or it is over. */
  use(id: string): Promise<{ labels: string[]; uses_left: number } | null> {
    return this.database.one(
      `update access_keys set uses_left = uses_left - 1
       where id = $1 and kind = 'join' and uses_left > 0 and revoked_at is null and expires_at > now()
       returning labels, uses_left`,
      [id],
    );
  }

  /**
   * Forgets tokens that could last have been used 30 days ago. None lives longer than a day, so those that are used up or
   * taken back leave with those that have expired.
   */
  deleteEnded(limit: number): Promise<number> {
    return this.database.count(
      `delete from access_keys where id in (
         select id from access_keys
         where kind = 'join' and expires_at < now() - interval '30 days' order by expires_at limit $1)`,
      [limit],
    );
  }
}
