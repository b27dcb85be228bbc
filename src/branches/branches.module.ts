import { Module } from '@nestjs/common';
import { ExecutionsModule } from '../executions/executions.module.js';
import { GitModule } from '../git/git.module.js';
import { RepositoriesModule } from '../repositories/repositories.module.js';
import { BranchesController } from './branches.controller.js';
import { RepositoryBranches } from './repository-branches.service.js';

/** Branches of repositories, and whose they are. */
@Module({
  imports: [ExecutionsModule, GitModule, RepositoriesModule],
  controllers: [BranchesController],
  providers: [RepositoryBranches],
})
export class BranchesModule {}
