import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import type { Actor } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { InvalidInput } from '../domain-error.js';
import { FetchSources } from '../git/fetch-sources.service.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { newId } from '../ids.js';
import { CredentialSeals, type GivenCredentials } from './credential-seals.js';
import { RepositoriesService, type Repository } from './repositories.service.js';
import { RepositoriesStore } from './repositories.store.js';
import {
  localSource,
  readSource,
  takesCredentials,
  type RepositorySource,
  type SourceInput,
} from './repository-source.js';

/** A repository to register. */
export interface NewRepository extends SourceInput {
  default_branch?: string;
  auto_pr?: boolean;
  credentials?: GivenCredentials;
}

/** How repositories become known. */
@Injectable()
export class RepositoryRegistration {
  constructor(
    private readonly repositories: RepositoriesService,
    private readonly store: RepositoriesStore,
    private readonly sources: FetchSources,
    private readonly idempotency: IdempotencyService,
    private readonly seals: CredentialSeals,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /**
   * Registers a repository and begins its first fetch; a local one is mostly fetched when this returns. Throws
   * InvalidInput, LocalPathRefused, AddressRefused, NoKeyForCredentials or RepositoryExists.
   */
  async register(organization_id: string, actor: Actor, input: NewRepository): Promise<Repository> {
    const before = this.idempotency.madeBefore;
    const registered = before === null ? null : await this.store.findOwn(organization_id, before);
    if (registered !== null) return this.repositories.fetchFirst(registered);
    const { default_branch = null, auto_pr = false, credentials, ...where } = input;
    const source = await this.sourceOf(where);
    if (credentials !== undefined && !takesCredentials(source)) throw credentialsNotTaken();
    const id = newId();
    const place = { id, clone_url: source.clone_url };
    const sealed = credentials === undefined ? NOT_SEALED : this.seals.seal(place, credentials);
    const row = await this.database.transaction(async () => {
      const inserted = await this.store.insert({
        id,
        organization_id,
        default_branch,
        default_branch_chosen: default_branch !== null,
        auto_pr,
        ...source,
        ...sealed,
      });
      const [action, subject] = ['repository.credentials_set', { repository_id: id }] as const;
      if (credentials !== undefined) await this.audit.record({ organization_id, actor, action, subject });
      await this.idempotency.making(id);
      return inserted;
    });
    return this.repositories.fetchFirst(row);
  }

  private async sourceOf(input: SourceInput): Promise<RepositorySource> {
    const source = readSource(input);
    if ('path' in source) {
      const { path, common } = await this.sources.mayRead(source.path);
      return localSource(path, common, source.clone_url);
    }
    if (source.clone_url !== null) await this.sources.assertMayClone(source.clone_url);
    return source;
  }
}

const NOT_SEALED = { sealed_credentials: null, credentials_key_id: null };

function credentialsNotTaken(): InvalidInput {
  const message = 'credentials must be absent unless the address begins with https://';
  return new InvalidInput('Only a repository with an https address takes credentials.', [
    { field: 'credentials', message },
  ]);
}
