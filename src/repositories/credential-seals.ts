import { Injectable, Logger } from '@nestjs/common';
import { SealBroken, SecretCipher } from '../auth/secret-cipher.js';
import type { Credentials } from '../git/asked-credentials.js';
import { GitFailed } from '../git/git.errors.js';
import { NoKeyForCredentials } from './repositories.errors.js';
import { RepositoryCredentialsStore, type Sealed, type SealedCredentials } from './repository-credentials.store.js';

/** Credentials as people give them. */
export type GivenCredentials = Pick<Credentials, 'password'> & Partial<Credentials>;

/** What hosts take that look at the token alone, and GitHub asks of the tokens of its apps. */
const USUAL_NAME = 'x-access-token';

/** Credentials of repositories, encrypted wherever they lie. */
@Injectable()
export class CredentialSeals {
  private readonly logger = new Logger(CredentialSeals.name);

  constructor(
    private readonly store: RepositoryCredentialsStore,
    private readonly cipher: SecretCipher,
  ) {}

  /** Throws NoKeyForCredentials. */
  seal(place: Place, { username = USUAL_NAME, password }: GivenCredentials): Sealed {
    const credentials: Credentials = { username, password };
    if (!this.cipher.ready) throw new NoKeyForCredentials();
    const sealed_credentials = this.cipher.seal(JSON.stringify(credentials), contextOf(place));
    return { sealed_credentials, credentials_key_id: this.cipher.key_id };
  }

  /** Those of a repository, null when it has none. Throws GitFailed `sealed`. */
  async open(repository_id: string): Promise<Credentials | null> {
    const row = await this.store.find(repository_id);
    if (row === null) return null;
    try {
      return JSON.parse(this.cipher.open(row.sealed_credentials, contextOf(row))) as Credentials;
    } catch (error) {
      throw error instanceof SealBroken ? new GitFailed('sealed', { cause: error }) : error;
    }
  }

  /**
   * Encrypts up to `limit` of older keys anew, those of repositories behind `after`. Gives the last repository it has
   * come to, null at the end. What cannot be opened stays as it is and is told of.
   */
  async resealSome(after: string | null, limit: number): Promise<string | null> {
    if (this.cipher.older_key_ids.length === 0) return null;
    const rows = await this.store.lockOfKeys(this.cipher.older_key_ids, after, limit);
    for (const row of rows) await this.reseal(row);
    return rows.length < limit ? null : (rows.at(-1)?.id ?? null);
  }

  private async reseal(row: SealedCredentials): Promise<void> {
    try {
      const text = this.cipher.open(row.sealed_credentials, contextOf(row));
      const sealed_credentials = this.cipher.seal(text, contextOf(row));
      await this.store.reseal(row.id, { sealed_credentials, credentials_key_id: this.cipher.key_id });
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.logger.error({ err: error, repository_id: row.id }, 'credentials cannot be opened; they must be given anew');
    }
  }
}

/** The repository and the address that credentials are for: at another one they cannot be opened. */
type Place = Pick<SealedCredentials, 'id' | 'clone_url'>;

const contextOf = ({ id, clone_url }: Place): string => `credentials of ${id} for ${clone_url ?? ''}`;
