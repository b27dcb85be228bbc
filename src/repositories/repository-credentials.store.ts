import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { Repository } from './repository.entity.js';

/** Credentials as they are kept. */
export type Sealed = Pick<Repository, 'sealed_credentials' | 'credentials_key_id'>;

export type SealedCredentials = Pick<Repository, 'id' | 'clone_url'> & { sealed_credentials: string };

const NONE = '00000000-0000-0000-0000-000000000000';

/** Every query on the credentials of repositories; nothing else reads them. */
@Injectable()
export class RepositoryCredentialsStore {
  constructor(private readonly database: Database) {}

  /** Null for a repository that has none. */
  async find(repository_id: string): Promise<SealedCredentials | null> {
    return this.database.one(
      'select id, clone_url, sealed_credentials from repositories where id = $1 and sealed_credentials is not null',
      [repository_id],
    );
  }

  /** Whether there was such a repository. */
  async save(
    organization_id: string,
    id: string,
    { sealed_credentials, credentials_key_id }: Sealed,
  ): Promise<boolean> {
    const saved = await this.database.count(
      'update repositories set sealed_credentials = $3, credentials_key_id = $4 where id = $2 and organization_id = $1',
      [organization_id, id, sealed_credentials, credentials_key_id],
    );
    return saved > 0;
  }

  /** Whether there were any. */
  async remove(organization_id: string, id: string): Promise<boolean> {
    const removed = await this.database.count(
      `update repositories set sealed_credentials = null, credentials_key_id = null
       where id = $2 and organization_id = $1 and sealed_credentials is not null`,
      [organization_id, id],
    );
    return removed > 0;
  }

  /** Locks some that were sealed with one of the keys, those of repositories behind `after`. */
  async lockOfKeys(key_ids: readonly string[], after: string | null, limit: number): Promise<SealedCredentials[]> {
    return this.database.query(
      `select id, clone_url, sealed_credentials from repositories
       where credentials_key_id = any($1) and id > $2 order by id limit $3 for update skip locked`,
      [key_ids, after ?? NONE, limit],
    );
  }

  async reseal(id: string, { sealed_credentials, credentials_key_id }: Sealed): Promise<void> {
    await this.database.query(
      'update repositories set sealed_credentials = $2, credentials_key_id = $3 where id = $1',
      [id, sealed_credentials, credentials_key_id],
    );
  }
}
