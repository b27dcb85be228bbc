import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { IdempotencyKey } from './idempotency-key.entity.js';

/** An answer as it is kept. The status 0 says that the first request is still at work. */
export type KeptAnswer = Pick<IdempotencyKey, 'request_hash' | 'status' | 'headers' | 'body'>;

export const AT_WORK = 0;

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

  /** Keeps an answer for `seconds`; false when another one is kept already. */
  async keep(scopeHash: Buffer, answer: KeptAnswer, seconds: number): Promise<boolean> {
    const kept = await this.database.count(
      `insert into idempotency_keys (scope_hash, request_hash, status, headers, body, expires_at)
       values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
       on conflict (scope_hash) do update set request_hash = excluded.request_hash, status = excluded.status,
         headers = excluded.headers, body = excluded.body, created_at = now(), expires_at = excluded.expires_at
         where idempotency_keys.expires_at <= now() or idempotency_keys.status = 0`,
      [scopeHash, answer.request_hash, answer.status, answer.headers, JSON.stringify(answer.body), seconds],
    );
    return kept > 0;
  }

  /** Reserves the key for a request that is at work outside of a transaction; false when somebody else has it. */
  async reserve(scopeHash: Buffer, requestHash: Buffer, seconds: number): Promise<boolean> {
    const reserved = await this.database.count(
      `insert into idempotency_keys (scope_hash, request_hash, status, headers, expires_at)
       values ($1, $2, 0, '{}', now() + make_interval(secs => $3))
       on conflict (scope_hash) do update set request_hash = excluded.request_hash, status = 0, headers = '{}',
         body = null, created_at = now(), expires_at = excluded.expires_at
         where idempotency_keys.expires_at <= now()`,
      [scopeHash, requestHash, seconds],
    );
    return reserved > 0;
  }

  /** Gives a reserved key free. */
  async release(scopeHash: Buffer): Promise<void> {
    await this.database.query('delete from idempotency_keys where scope_hash = $1 and status = 0', [scopeHash]);
  }

  /** Gives how many went. */
  removeExpired(limit: number): Promise<number> {
    return this.database.count(
      `delete from idempotency_keys where scope_hash in (
         select scope_hash from idempotency_keys where expires_at <= now() order by expires_at limit $1)`,
      [limit],
    );
  }
}
