import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { GithubToken } from './github-token.entity.js';

export type SealedToken = Pick<GithubToken, 'user_id' | 'sealed_token' | 'key_id'>;

const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Every query on the tokens that GitHub has given. */
@Injectable()
export class GithubTokensStore {
  constructor(private readonly database: Database) {}

  async save({ user_id, sealed_token, key_id, scopes }: Omit<GithubToken, 'updated_at'>): Promise<void> {
    await this.database.query(
      `insert into github_tokens (user_id, sealed_token, key_id, scopes) values ($1, $2, $3, $4)
       on conflict (user_id) do update set sealed_token = excluded.sealed_token, key_id = excluded.key_id,
         scopes = excluded.scopes, updated_at = now()`,
      [user_id, sealed_token, key_id, scopes],
    );
  }

  async find(user_id: string): Promise<SealedToken | null> {
    return this.database.one('select user_id, sealed_token, key_id from github_tokens where user_id = $1', [user_id]);
  }

  /** Locks some that were sealed with one of the keys, those of users behind `after`. */
  async lockOfKeys(key_ids: readonly string[], after: string | null, limit: number): Promise<SealedToken[]> {
    return this.database.query(
      `select user_id, sealed_token, key_id from github_tokens
       where key_id = any($1) and user_id > $2 order by user_id limit $3 for update skip locked`,
      [key_ids, after ?? NOBODY, limit],
    );
  }

  async reseal({ user_id, sealed_token, key_id }: SealedToken): Promise<void> {
    await this.database.query('update github_tokens set sealed_token = $2, key_id = $3 where user_id = $1', [
      user_id,
      sealed_token,
      key_id,
    ]);
  }
}
