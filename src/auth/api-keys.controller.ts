import { Body, Controller, Delete, Get, Header, HttpCode, HttpStatus, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { PageQuery, type Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { NotIdempotent } from '../idempotency/idempotent.decorator.js';
import { Allow, CurrentPerson, CurrentPrincipal } from './access.js';
import { ApiKeyDto, ApiKeyPage, CreateApiKeyDto, CreatedApiKeyDto } from './api-keys.dto.js';
import { ApiKeysService } from './api-keys.service.js';
import type { Principal, UserPrincipal } from './principal.js';

@ApiTags('API keys')
@Controller('api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  /**
   * Make a key for a program
   *
   * It acts in the organization it is made in, and only people make keys. Its permissions are some of the maker's own; of
   * those it may use what the maker may still do at that time, and nothing once they are no member any more. The answer
   * is the only place where the whole key can be read.
   */
  @Post()
  @Allow('keys.manage')
  @NotIdempotent()
  @Header('Cache-Control', 'no-store')
  @ApiCreatedResponse({ type: CreatedApiKeyDto, description: 'Made.' })
  @ProblemsWith({ 403: ['auth/forbidden', 'key/permission-not-held'] })
  async create(@CurrentPerson() person: UserPrincipal, @Body() body: CreateApiKeyDto): Promise<CreatedApiKeyDto> {
    const { api_key, secret } = await this.keys.create(person, body);
    return { api_key: ApiKeyDto.from(api_key), secret };
  }

  /**
   * List keys, newest first
   *
   * Owners and admins see every key of the organization, members their own. Revoked and expired ones stay on the list.
   */
  @Get()
  @Allow('keys.manage')
  @ApiOkResponse({ type: ApiKeyPage, description: 'One page of keys.' })
  list(@CurrentPrincipal() principal: Principal, @Query() query: PageQuery): Promise<Page<ApiKeyDto>> {
    return this.keys.list(principal, query, (key) => ApiKeyDto.from(key));
  }

  /**
   * Revoke a key
   *
   * It is refused from the next request on. Owners and admins may revoke every key of the organization, members their
   * own. Revoking it once more changes nothing.
   */
  @Delete(':id')
  @Allow('keys.manage')
  @ApiIdParam('id', 'Id of the key.')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'It is revoked.' })
  async revoke(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<void> {
    await this.keys.revoke(principal, id);
  }
}
