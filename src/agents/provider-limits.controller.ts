import { Controller, Delete, Get, HttpCode, HttpStatus, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import type { Principal } from '../auth/principal.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { PageOf, PageQuery, type Page } from '../http/page.js';
import { ProviderLimitDto } from './provider-limits.dto.js';
import { ProviderLimits } from './provider-limits.service.js';

@ApiTags('Agents')
@Controller('limits')
export class ProviderLimitsController {
  constructor(private readonly limits: ProviderLimits) {}

  /** List the provider limits that hold, newest first. Until then nothing is started of the launcher they name. */
  @Get()
  @Allow('agents.read')
  @ApiOkResponse({ type: PageOf(ProviderLimitDto) })
  list(@CurrentPrincipal() principal: Principal, @Query() query: PageQuery): Promise<Page<ProviderLimitDto>> {
    return this.limits.list(principal, query, (limit) => ProviderLimitDto.from(limit));
  }

  /** Lift a provider limit, because the account has more again. The launcher is started again at once. */
  @Delete(':id')
  @Allow('agents.manage')
  @ApiIdParam('id', 'Id of the limit.')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'It holds no more.' })
  async lift(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<void> {
    await this.limits.lift(principal, id);
  }
}
