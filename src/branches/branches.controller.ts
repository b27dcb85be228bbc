import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { ClientGone } from '../http/client-gone.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { BranchesPath, BranchesQuery, BranchPage } from './branches.dto.js';
import { RepositoryBranches } from './repository-branches.service.js';

@ApiTags('Repositories')
@Controller('repositories')
export class BranchesController {
  constructor(private readonly branches: RepositoryBranches) {}

  /**
   * List the branches of a repository, by name
   *
   * Those that workers pushed included. An empty repository has none; a failure of Git is an error with its cause. How far
   * branches have parted from the default one is waited for only for a moment: `counting` says that it is still being
   * counted, and a later answer has it.
   */
  @Get(':id/branches')
  @Allow('repositories.read')
  @ProblemsWith({ 404: ['repository/not-found'], 409: ['git/failed'] })
  @ApiOkResponse({ type: BranchPage, description: 'One page of branches.' })
  async list(
    @CurrentPrincipal() principal: Principal,
    @Param() { id }: BranchesPath,
    @Query() query: BranchesQuery,
    @ClientGone() gone: AbortSignal,
  ): Promise<BranchPage> {
    return BranchPage.from(await this.branches.list(principal, id, query, gone));
  }
}
