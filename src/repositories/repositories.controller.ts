import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  HttpStatus,
  Param,
  Patch,
  Post,
  Put,
  Query,
  Res,
} from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import { organizationOf, type Principal } from '../auth/principal.js';
import { Idempotent } from '../idempotency/idempotent.decorator.js';
import { ClientGone } from '../http/client-gone.js';
import { PageQuery, type Page } from '../http/page.js';
import { Problems, ProblemsWith } from '../http/problems.decorator.js';
import {
  CredentialsDto,
  DeleteRepositoryQuery,
  RegisterRepositoryDto,
  RepositoryDto,
  RepositoryPage,
  RepositoryPath,
  UpdateRepositoryDto,
} from './repositories.dto.js';
import { RepositoriesService } from './repositories.service.js';
import { RepositoryCredentials } from './repository-credentials.service.js';
import { RepositoryRegistration } from './repository-registration.service.js';
import { RepositoryRemoval } from './repository-removal.service.js';

@ApiTags('Repositories')
@Controller('repositories')
export class RepositoriesController {
  constructor(
    private readonly repositories: RepositoriesService,
    private readonly registration: RepositoryRegistration,
    private readonly credentials: RepositoryCredentials,
    private readonly removal: RepositoryRemoval,
  ) {}

  /**
   * Register a Git repository
   *
   * The server makes a mirror of it, which workers check out from and push to. A local one is mostly ready in the
   * answer; others are fetched in the background: watch `status` and `last_error`.
   */
  @Post()
  @Allow('repositories.write')
  @Idempotent('beside')
  @Problems('repository/exists', 'repository/no-key-for-credentials')
  @ApiCreatedResponse({ type: RepositoryDto, description: 'Registered.' })
  async register(
    @CurrentPrincipal() principal: Principal,
    @Body() body: RegisterRepositoryDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<RepositoryDto> {
    const repository = await this.registration.register(organizationOf(principal), principal.actor, body);
    response.location(`/api/v1/repositories/${repository.id}`);
    return RepositoryDto.from(repository);
  }

  /** List the repositories of the organization, newest first */
  @Get()
  @Allow('repositories.read')
  @ApiOkResponse({ type: RepositoryPage, description: 'One page of repositories.' })
  list(@CurrentPrincipal() principal: Principal, @Query() query: PageQuery): Promise<Page<RepositoryDto>> {
    return this.repositories.list(principal, query, (row) => RepositoryDto.from(row));
  }

  /** Get a repository */
  @Get(':id')
  @Allow('repositories.read')
  @ApiOkResponse({ type: RepositoryDto, description: 'The repository.' })
  async get(@CurrentPrincipal() principal: Principal, @Param() { id }: RepositoryPath): Promise<RepositoryDto> {
    return RepositoryDto.from(await this.repositories.get(principal, id));
  }

  /** Change the settings of a repository */
  @Patch(':id')
  @Allow('repositories.write')
  @ProblemsWith({ 400: ['repository/no-such-branch'] })
  @ApiOkResponse({ type: RepositoryDto, description: 'The repository as it is now.' })
  async update(
    @CurrentPrincipal() principal: Principal,
    @Param() { id }: RepositoryPath,
    @Body() changes: UpdateRepositoryDto,
  ): Promise<RepositoryDto> {
    return RepositoryDto.from(await this.repositories.update(principal, id, changes));
  }

  /**
   * Give a repository credentials for its host, in the place of those it has
   *
   * It is fetched with them at once: the answer tells how that went, or after three seconds that it is under way. They
   * are asked for by its host alone and never by the one it redirects to, are kept encrypted, and are answered nowhere.
   */
  @Put(':id/credentials')
  @Allow('repositories.manage')
  @Problems('repository/credentials-not-taken', 'repository/no-key-for-credentials')
  @ApiOkResponse({ type: RepositoryDto, description: 'The repository as it is now.' })
  async setCredentials(
    @CurrentPrincipal() principal: Principal,
    @Param() { id }: RepositoryPath,
    @Body() credentials: CredentialsDto,
  ): Promise<RepositoryDto> {
    return RepositoryDto.from(await this.credentials.set(principal, id, credentials));
  }

  /**
   * Forget the credentials of a repository
   *
   * It is fetched without them from now on. What was fetched before stays until the repository is deleted.
   */
  @Delete(':id/credentials')
  @Allow('repositories.manage')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'There are none now.' })
  async removeCredentials(@CurrentPrincipal() principal: Principal, @Param() { id }: RepositoryPath): Promise<void> {
    await this.credentials.remove(principal, id);
  }

  /**
   * Delete a repository and its mirror
   *
   * What would be lost is named, and refused: tasks of it, and branches that workers pushed and nobody has merged. With
   * `force` its tasks are cancelled and deleted with it; while one still runs it is refused again, so ask once more. Only
   * where the mirrors are can it be told what would be lost: elsewhere it is `git/not-here`, unless it was never fetched.
   */
  @Delete(':id')
  @Allow('repositories.manage')
  @Problems('repository/in-use', 'git/failed')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'Deleted.' })
  async delete(
    @CurrentPrincipal() principal: Principal,
    @Param() { id }: RepositoryPath,
    @Query() { force }: DeleteRepositoryQuery,
    @ClientGone() gone: AbortSignal,
  ): Promise<void> {
    await this.removal.remove(principal, id, force === 'true', gone);
  }

  /**
   * Fetch a repository now
   *
   * Answers when the fetch is done, or after three seconds with `status` `syncing` while it goes on.
   */
  @Post(':id/sync')
  @Allow('repositories.write')
  @Problems('git/failed')
  @HttpCode(HttpStatus.OK)
  @ApiOkResponse({ type: RepositoryDto, description: 'The repository as it is now.' })
  async sync(@CurrentPrincipal() principal: Principal, @Param() { id }: RepositoryPath): Promise<RepositoryDto> {
    return RepositoryDto.from(await this.repositories.sync(principal, id));
  }
}
