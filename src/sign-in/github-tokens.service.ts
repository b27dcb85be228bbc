import { Injectable, Logger } from '@nestjs/common';
import { SealBroken, SecretCipher } from '../auth/secret-cipher.js';
import type { GithubTokenGrant } from './github-answers.js';
import { GithubTokensStore, type SealedToken } from './github-tokens.store.js';

/** Tokens of people at GitHub, encrypted wherever they lie. */
@Injectable()
export class GithubTokensService {
  private readonly logger = new Logger(GithubTokensService.name);

  constructor(
    private readonly store: GithubTokensStore,
    private readonly cipher: SecretCipher,
  ) {}

  /** Keeps the token of the latest sign-in in the transaction under way. */
  async keep(user_id: string, { token, scopes }: GithubTokenGrant): Promise<void> {
    const sealed_token = this.cipher.seal(token, contextOf(user_id));
    await this.store.save({ user_id, sealed_token, key_id: this.cipher.key_id, scopes });
  }

  /** The person's token, or null when they have none. Throws SealBroken when it was changed or its key is gone. */
  async find(user_id: string): Promise<string | null> {
    const row = await this.store.find(user_id);
    return row === null ? null : this.cipher.open(row.sealed_token, contextOf(user_id));
  }

  /**
   * Encrypts up to `limit` tokens of older keys anew, those of users behind `after`. Gives the last user it has come
   * to, null at the end. What cannot be opened stays as it is and is told of.
   */
  async resealSome(after: string | null, limit: number): Promise<string | null> {
    if (this.cipher.older_key_ids.length === 0) return null;
    const tokens = await this.store.lockOfKeys(this.cipher.older_key_ids, after, limit);
    for (const token of tokens) await this.reseal(token);
    return tokens.length < limit ? null : (tokens.at(-1)?.user_id ?? null);
  }

  private async reseal({ user_id, sealed_token }: SealedToken): Promise<void> {
    try {
      const token = this.cipher.open(sealed_token, contextOf(user_id));
      const sealed = this.cipher.seal(token, contextOf(user_id));
      await this.store.reseal({ user_id, sealed_token: sealed, key_id: this.cipher.key_id });
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.logger.error({ err: error, user_id }, 'a GitHub token cannot be opened; its owner has to sign in anew');
    }
  }
}

const contextOf = (user_id: string): string => `github token of ${user_id}`;
