import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { IdempotencyKey } from './idempotency-key.entity.js';

/** An answer as it is kept; or, by its status, that there is none yet. */
export type KeptAnswer = Pick<IdempotencyKey, 'request_hash' | 'status' | 'headers' | 'body'>;

/** The first request is still at work. */
export const AT_WORK = 0;
/** What it was to make is there, and is named in the place of the answer, to which it did not come. */
export const UNANSWERED = 1;

/** How long answers are kept. */
export const KEPT_SECONDS = 24 * 3600;
const KEPT = `make_interval(secs => ${String(KEPT_SECONDS)})`;
/** Also of a process that died before it gave the key free. */
const IS_MADE = `k.status in (${String(AT_WORK)}, ${String(UNANSWERED)}) and k.body is not null
  and k.created_at > now() - ${KEPT}`;

@Injectable()
export class IdempotencyStore {
  constructor(private readonly database: Database) {}

  find(scopeHash: Buffer): Promise<KeptAnswer | null> {
    return this.database.one<KeptAnswer>(
      'select request_hash, status, headers, body from idempotency_keys where scope_hash = $1 and expires_at > now()',
      [scopeHash],
    );
  }

  /** Takes the right to be the first with this key until the transaction ends; false when another request has it. */
  async tryLock(scopeHash: Buffer): Promise<boolean> {
    const row = await this.database.one<{ locked: boolean }>('select pg_try_advisory_xact_lock($1::bigint) as locked', [
      scopeHash.readBigInt64BE().toString(),
    ]);
    return row?.locked ?? false;
  }

  /** Keeps an answer for a day; false when another one is kept already. */
  async keep(scopeHash: Buffer, answer: KeptAnswer): Promise<boolean> {
    const kept = await this.database.count(
      `insert into idempotency_keys (scope_hash, request_hash, status, headers, body, expires_at)
       values ($1, $2, $3, $4, $5, now() + ${KEPT})
       on conflict (scope_hash) do update set request_hash = excluded.request_hash, status = excluded.status,
         headers = excluded.headers, body = excluded.body, created_at = now(), expires_at = excluded.expires_at
         where idempotency_keys.expires_at <= now() or idempotency_keys.status = 0`,
      [scopeHash, answer.request_hash, answer.status, answer.headers, JSON.stringify(answer.body)],
    );
    return kept > 0;
  }

  /**
   * Reserves the key for a request that is at work outside of a transaction, and gives what an earlier one made that did
   * not come to its answer; null when somebody else has the key.
   */
  async reserve(scopeHash: Buffer, requestHash: Buffer, seconds: number): Promise<{ made: string | null } | null> {
    return this.database.one(
      `insert into idempotency_keys as k (scope_hash, request_hash, status, headers, expires_at)
       values ($1, $2, ${String(AT_WORK)}, '{}', now() + make_interval(secs => $3))
       on conflict (scope_hash) do update set request_hash = excluded.request_hash, status = excluded.status,
         headers = excluded.headers, expires_at = excluded.expires_at,
         body = case when k.request_hash = excluded.request_hash and ${IS_MADE} then k.body end,
         created_at = case when k.request_hash = excluded.request_hash and ${IS_MADE} then k.created_at else now() end
         where k.expires_at <= now() or k.status = ${String(UNANSWERED)}
       returning body ->> 'made' as made`,
      [scopeHash, requestHash, seconds],
    );
  }

  /** Notes, in the transaction that makes it, what the request at work makes. */
  async noteMade(scopeHash: Buffer, made: string): Promise<void> {
    await this.database.query(
      `update idempotency_keys set body = $2 where scope_hash = $1 and status = ${String(AT_WORK)}`,
      [scopeHash, JSON.stringify({ made })],
    );
  }

  /** Gives a reserved key free; what was made stays noted for as long as an answer would be kept. */
  async release(scopeHash: Buffer): Promise<void> {
    await this.database.query(
      `update idempotency_keys set status = ${String(UNANSWERED)}, expires_at = created_at + ${KEPT}
       where scope_hash = $1 and status = ${String(AT_WORK)} and body is not null`,
      [scopeHash],
    );
    await this.database.query(
      `delete from idempotency_keys where scope_hash = $1 and status = ${String(AT_WORK)} and body is null`,
      [scopeHash],
    );
  }

  /** Gives how many went. */
  removeExpired(limit: number): Promise<number> {
    return this.database.count(
      `delete from idempotency_keys where scope_hash in (
         select scope_hash from idempotency_keys k where expires_at <= now() and not (${IS_MADE})
         order by expires_at limit $1)`,
      [limit],
    );
  }
}
