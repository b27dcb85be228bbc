import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Allow, CurrentPerson, CurrentPrincipal } from '../auth/access.js';
import type { Principal, UserPrincipal } from '../auth/principal.js';
import { PageQuery, type Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { Idempotent } from '../idempotency/idempotent.decorator.js';
import {
  CreateOrganizationDto,
  OrganizationDto,
  OrganizationPage,
  OrganizationPath,
  UpdateOrganizationDto,
} from './organizations.dto.js';
import { OrganizationsService } from './organizations.service.js';

@ApiTags('Organizations')
@Controller('organizations')
export class OrganizationsController {
  constructor(private readonly organizations: OrganizationsService) {}

  /**
   * Make an organization
   *
   * The caller becomes its owner. Their token goes on acting where it did; `POST /auth/switch-organization` leads into
   * the new one.
   */
  @Post()
  @Allow('signed-in')
  @Idempotent('beside')
  @ApiCreatedResponse({ type: OrganizationDto, description: 'The organization.' })
  async create(
    @CurrentPerson() person: UserPrincipal,
    @Body() { name }: CreateOrganizationDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<OrganizationDto> {
    const organization = await this.organizations.create(person, name);
    response.location(`/api/v1/organizations/${organization.id}`);
    return OrganizationDto.from(organization);
  }

  /** List the organizations the caller belongs to, newest first */
  @Get()
  @Allow('organizations.read')
  @ApiOkResponse({ type: OrganizationPage, description: 'One page of organizations.' })
  list(@CurrentPrincipal() principal: Principal, @Query() query: PageQuery): Promise<Page<OrganizationDto>> {
    return this.organizations.list(principal, query, (row) => OrganizationDto.from(row));
  }

  /** Get an organization the caller belongs to */
  @Get(':id')
  @Allow('organizations.read')
  @ApiOkResponse({ type: OrganizationDto, description: 'The organization.' })
  async get(@CurrentPrincipal() principal: Principal, @Param() { id }: OrganizationPath): Promise<OrganizationDto> {
    return OrganizationDto.from(await this.organizations.get(principal, id));
  }

  /** Rename the organization */
  @Patch(':id')
  @Allow('organizations.manage')
  @ApiOkResponse({ type: OrganizationDto, description: 'The organization as it is now.' })
  @ProblemsWith({ 403: ['auth/forbidden', 'organization/switch-first'] })
  async rename(
    @CurrentPrincipal() principal: Principal,
    @Param() { id }: OrganizationPath,
    @Body() { name }: UpdateOrganizationDto,
  ): Promise<OrganizationDto> {
    return OrganizationDto.from(await this.organizations.rename(principal, id, name));
  }

  /**
   * Delete the organization with everything that belongs to it
   *
   * Only an owner may, and only while nothing of it runs. Repositories go with their mirrors, and with them what
   * workers pushed. Keys and tokens of its workers are refused from then on; sessions that acted in it go on in the
   * personal organization of their person, with the next refresh. Entries of logs, which nobody can read any more, leave
   * the database within minutes. A long history can take longer than an answer may: then the answer is 503, and the
   * deletion goes on all the same.
   */
  @Delete(':id')
  @Allow('organizations.manage')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ProblemsWith({
    403: ['auth/forbidden', 'organization/switch-first', 'organization/owners-only'],
    409: ['organization/busy', 'organization/personal'],
  })
  async delete(@CurrentPerson() person: UserPrincipal, @Param() { id }: OrganizationPath): Promise<void> {
    await this.organizations.delete(person, id);
  }
}
