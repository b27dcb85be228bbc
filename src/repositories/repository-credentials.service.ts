import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { organizationOf, type Principal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { CredentialSeals, type GivenCredentials } from './credential-seals.js';
import { CredentialsNotTaken, RepositoryNotFound } from './repositories.errors.js';
import { RepositoriesService, type Repository } from './repositories.service.js';
import { takesCredentials } from './repository-source.js';
import { RepositoryCredentialsStore } from './repository-credentials.store.js';

/** What private repositories are fetched with. It comes in here, and goes out to git alone. */
@Injectable()
export class RepositoryCredentials {
  constructor(
    private readonly repositories: RepositoriesService,
    private readonly store: RepositoryCredentialsStore,
    private readonly seals: CredentialSeals,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /**
   * Keeps credentials in the place of those that were there, and fetches with them: the answer is the repository after
   * that, or after three seconds. Throws RepositoryNotFound, CredentialsNotTaken or NoKeyForCredentials.
   */
  async set(principal: Principal, id: string, credentials: GivenCredentials): Promise<Repository> {
    const repository = await this.repositories.get(principal, id);
    if (!takesCredentials(repository)) throw new CredentialsNotTaken();
    const sealed = this.seals.seal(repository, credentials);
    await this.database.transaction(async () => {
      if (!(await this.store.save(organizationOf(principal), id, sealed))) throw new RepositoryNotFound();
      await this.record(principal, id, 'repository.credentials_set');
    });
    return this.repositories.fetchAnew(principal, id);
  }

  /** Forgets them, and fetches without. There may be none. Throws RepositoryNotFound. */
  async remove(principal: Principal, id: string): Promise<void> {
    await this.repositories.get(principal, id);
    const removed = await this.database.transaction(async () => {
      const had = await this.store.remove(organizationOf(principal), id);
      if (had) await this.record(principal, id, 'repository.credentials_removed');
      return had;
    });
    if (removed) await this.repositories.fetchAnew(principal, id);
  }

  private record(
    principal: Principal,
    repository_id: string,
    action: 'repository.credentials_set' | 'repository.credentials_removed',
  ): Promise<void> {
    const organization_id = organizationOf(principal);
    return this.audit.record({ organization_id, actor: principal.actor, action, subject: { repository_id } });
  }
}
