import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { SYSTEM } from '../auth/principal.js';
import { GitConfig } from '../config/git.config.js';
import { RuntimeConfig } from '../config/runtime.config.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { RepositoriesService } from './repositories.service.js';
import { RepositoryRegistration } from './repository-registration.service.js';

/** In development the first organization finds a repository registered, so that there is something to look at. */
@Injectable()
export class DevelopmentRepository implements OnModuleInit {
  private readonly logger = new Logger(DevelopmentRepository.name);

  constructor(
    private readonly git: GitConfig,
    private readonly runtime: RuntimeConfig,
    private readonly organizations: OrganizationsService,
    private readonly repositories: RepositoriesService,
    private readonly registration: RepositoryRegistration,
  ) {}

  onModuleInit(): void {
    const local_path = this.git.development_repository;
    if (local_path === '' || this.runtime.production) return;
    this.organizations.onCreated(async ({ id }) => {
      if (await this.repositories.existAny()) return;
      const repository = await this.registration.register(id, SYSTEM, { local_path });
      this.logger.log(`registered ${local_path} as repository ${repository.id}`);
    });
  }
}
