import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Database } from '../database/database.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { RepositoriesService } from './repositories.service.js';

/** Repositories go with their organization, and their mirrors once that is certain. */
@Injectable()
export class OrganizationMirrors implements OnModuleInit {
  constructor(
    private readonly organizations: OrganizationsService,
    private readonly repositories: RepositoriesService,
    private readonly database: Database,
  ) {}

  onModuleInit(): void {
    this.organizations.onDeleting(async (organization_id) => {
      const ids = await this.repositories.idsOf(organization_id);
      this.database.afterCommit(() => this.repositories.removeMirrors(ids));
    });
  }
}
