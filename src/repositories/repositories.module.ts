import { Module } from '@nestjs/common';
import { GitModule } from '../git/git.module.js';
import { IdempotencyModule } from '../idempotency/idempotency.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { CommitSearch } from './commit-search.service.js';
import { CommitsController } from './commits.controller.js';
import { CredentialRotationDuty } from './credential-rotation.duty.js';
import { DevelopmentRepository } from './development-repository.js';
import { LocalRepositories } from './local-repositories.service.js';
import { LogsController } from './logs.controller.js';
import { LogsService } from './logs.service.js';
import { MirrorRefreshDuty } from './mirror-refresh.duty.js';
import { OrganizationMirrors } from './organization-mirrors.js';
import { RepositoriesController } from './repositories.controller.js';
import { RepositoriesService } from './repositories.service.js';
import { RepositoryCommits } from './repository-commits.service.js';
import { RepositoryCredentials } from './repository-credentials.service.js';
import { RepositoryRegistration } from './repository-registration.service.js';
import { RepositoryRemoval } from './repository-removal.service.js';
import { RepositoryReader } from './repository-reader.service.js';
import { RepositoryRecordsModule } from './repository-records.module.js';

@Module({
  imports: [GitModule, IdempotencyModule, OrganizationsModule, RepositoryRecordsModule],
  controllers: [RepositoriesController, CommitsController, LogsController],
  providers: [
    RepositoriesService,
    RepositoryRegistration,
    RepositoryCredentials,
    RepositoryRemoval,
    LocalRepositories,
    RepositoryReader,
    RepositoryCommits,
    CommitSearch,
    LogsService,
    DevelopmentRepository,
    MirrorRefreshDuty,
    CredentialRotationDuty,
    OrganizationMirrors,
  ],
  exports: [RepositoriesService, RepositoryReader, RepositoryRemoval, LocalRepositories],
})
export class RepositoriesModule {}
