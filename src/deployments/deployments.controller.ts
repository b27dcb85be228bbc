import { Body, Controller, Get, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { ClientGone } from '../http/client-gone.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import type { Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { Idempotent } from '../idempotency/idempotent.decorator.js';
import { ComparisonDto } from './deployment-comparison.dto.js';
import { DeploymentComparison } from './deployment-comparison.service.js';
import { DeploymentLists } from './deployment-lists.service.js';
import { EnvironmentStatusDto, EnvironmentStatusPage } from './deployment-status.dto.js';
import { DeploymentStatusService } from './deployment-status.service.js';
import { DeploymentDto, DeploymentPage } from './deployment.dto.js';
import {
  CompareDeploymentsQuery,
  DeploymentsQuery,
  DeploymentStatusQuery,
  RecordDeploymentDto,
  UpdateDeploymentDto,
} from './deployments.dto.js';
import { DeploymentsService } from './deployments.service.js';

@ApiTags('Deployments')
@Controller('deployments')
export class DeploymentsController {
  constructor(
    private readonly deployments: DeploymentsService,
    private readonly lists: DeploymentLists,
    private readonly statuses: DeploymentStatusService,
    private readonly comparison: DeploymentComparison,
  ) {}

  /**
   * List versions and their deployments, newest version first
   *
   * Every tag is a version. One that somebody has recorded is listed as that says, as often as it was deployed; of the
   * others it is known that they exist, and nothing more. Of several repositories, those whose tags cannot be read, that
   * were never fetched, or that there was no time for are named under `unread`. Of the one that was asked for, and where
   * none can be read, a failure of Git is an error with its cause, never an empty list.
   */
  @Get()
  @Allow('deployments.read')
  @ProblemsWith({ 400: ['deployment/too-many-repositories'], 404: ['repository/not-found'], 409: ['git/failed'] })
  @ApiOkResponse({ type: DeploymentPage, description: 'One page of deployments.' })
  async list(
    @CurrentPrincipal() principal: Principal,
    @Query() query: DeploymentsQuery,
    @ClientGone() gone: AbortSignal,
  ): Promise<DeploymentPage> {
    return DeploymentPage.from(await this.lists.list(principal, query, gone, (view) => DeploymentDto.from(view)));
  }

  /**
   * Record a deployment
   *
   * Says that a tag or a commit is to be deployed, is being deployed, or was. The same version may be recorded several
   * times, once for each time that it is deployed.
   */
  @Post()
  @Allow('deployments.write')
  @Idempotent('beside')
  @ProblemsWith({
    404: ['repository/not-found', 'deployment/version-not-found'],
    409: ['deployment/no-commit', 'git/failed'],
  })
  @ApiCreatedResponse({ type: DeploymentDto, description: 'Recorded.' })
  async record(
    @CurrentPrincipal() principal: Principal,
    @Body() body: RecordDeploymentDto,
    @ClientGone() gone: AbortSignal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<DeploymentDto> {
    const deployment = await this.deployments.record(principal, body, gone);
    response.location(`/api/v1/deployments/${deployment.id}`);
    return DeploymentDto.from(deployment);
  }

  /**
   * Tell what is at each environment
   *
   * The last deployment that succeeded there and was not rolled back, and what is under way. Environments are those that
   * anything was recorded for, by repository and name; tags alone say nothing of what is where.
   */
  @Get('status')
  @Allow('deployments.read')
  @ProblemsWith({ 404: ['repository/not-found'] })
  @ApiOkResponse({ type: EnvironmentStatusPage, description: 'One page of environments.' })
  status(
    @CurrentPrincipal() principal: Principal,
    @Query() query: DeploymentStatusQuery,
  ): Promise<Page<EnvironmentStatusDto>> {
    return this.statuses.list(principal, query, (status) => EnvironmentStatusDto.from(status));
  }

  /**
   * Compare two versions
   *
   * The commits that `to` has and `from` has not, newest first, with the issues and tasks they tell of. Either may be a
   * tag or the whole id of a commit, recorded as deployed or not. A tag that is gone stands for the commit that was
   * recorded last under its name, as long as the mirror has it.
   */
  @Get('compare')
  @Allow('deployments.read')
  @ProblemsWith({
    404: ['repository/not-found', 'deployment/version-not-found'],
    409: ['deployment/no-commit', 'git/failed'],
  })
  @ApiOkResponse({ type: ComparisonDto, description: 'What is new, with one page of its commits.' })
  async compare(
    @CurrentPrincipal() principal: Principal,
    @Query() query: CompareDeploymentsQuery,
    @ClientGone() gone: AbortSignal,
  ): Promise<ComparisonDto> {
    return ComparisonDto.from(await this.comparison.compare(principal, query, gone));
  }

  /** Get a deployment, or a tag by the id it has in the list */
  @Get(':id')
  @Allow('deployments.read')
  @ApiIdParam('id', 'Id of the deployment.')
  @ProblemsWith({ 409: ['git/failed'] })
  @ApiOkResponse({ type: DeploymentDto, description: 'The deployment.' })
  async get(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @ClientGone() gone: AbortSignal,
  ): Promise<DeploymentDto> {
    return DeploymentDto.from(await this.deployments.get(principal, id, gone));
  }

  /**
   * Change a deployment: promote it, or say how far it is
   *
   * A tag that nobody has recorded is recorded by this, under the id it had.
   */
  @Patch(':id')
  @Allow('deployments.write')
  @ApiIdParam('id', 'Id of the deployment.')
  @ProblemsWith({
    409: ['deployment/not-movable', 'deployment/not-promotable', 'deployment/no-commit', 'git/failed'],
  })
  @ApiOkResponse({ type: DeploymentDto, description: 'The deployment as it is now.' })
  async change(
    @CurrentPrincipal() principal: Principal,
    @IdParam() id: string,
    @Body() changes: UpdateDeploymentDto,
    @ClientGone() gone: AbortSignal,
  ): Promise<DeploymentDto> {
    return DeploymentDto.from(await this.deployments.change(principal, id, changes, gone));
  }
}
