import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { PageQuery, type Page } from '../http/page.js';
import { OrganizationDto, OrganizationPage, OrganizationPath } from './organizations.dto.js';
import { OrganizationsService } from './organizations.service.js';

@ApiTags('Organizations')
@Controller('organizations')
export class OrganizationsController {
  constructor(private readonly organizations: OrganizationsService) {}

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
}
