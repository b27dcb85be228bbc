import { Body, Controller, Delete, Get, Header, HttpCode, HttpStatus, Post, Query, Req } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import { Allow, CurrentPrincipal } from '../auth/access.js';
import { JoinTokensService } from '../auth/join-tokens.service.js';
import type { Principal } from '../auth/principal.js';
import { joinCommand } from '../downloads/join-script.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { PageQuery, type Page } from '../http/page.js';
import { ServerAddress } from '../http/server-address.js';
import { NotIdempotent } from '../idempotency/idempotent.decorator.js';
import { CreatedJoinTokenDto, CreateJoinTokenDto, JoinTokenDto, JoinTokenPage } from './join-tokens.dto.js';

@ApiTags('Workers')
@Controller('workers/join-tokens')
export class JoinTokensController {
  constructor(
    private readonly tokens: JoinTokensService,
    private readonly address: ServerAddress,
  ) {}

  /**
   * Make a token with which machines join
   *
   * Answers one line to paste into a shell of the other machine. The token registers as many workers of the organization
   * as `uses` says, or as many coordinators, while it lasts and while its maker may let them in; it may do nothing else.
   * Each gets a token of its own, and that of a coordinator registers its workers.
   */
  @Post()
  @Allow('workers.register')
  @NotIdempotent()
  @Header('Cache-Control', 'no-store')
  @ApiCreatedResponse({ type: CreatedJoinTokenDto, description: 'Made.' })
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: CreateJoinTokenDto,
    @Req() request: Request,
  ): Promise<CreatedJoinTokenDto> {
    const words = body.toWords();
    const { join_token, secret } = await this.tokens.create(principal, body.toInput());
    return CreatedJoinTokenDto.from(join_token, secret, joinCommand(this.address.askedUnder(request), secret, words));
  }

  /**
   * List join tokens, newest first
   *
   * Those that are used up, expired or taken back stay on the list until 30 days after their expiry.
   */
  @Get()
  @Allow('workers.register')
  @ApiOkResponse({ type: JoinTokenPage, description: 'One page of join tokens.' })
  list(@CurrentPrincipal() principal: Principal, @Query() query: PageQuery): Promise<Page<JoinTokenDto>> {
    return this.tokens.list(principal, query, (token) => JoinTokenDto.from(token));
  }

  /**
   * Take a join token back
   *
   * It is refused from the next request on; workers that have joined stay. Once more changes nothing.
   */
  @Delete(':id')
  @Allow('workers.register')
  @ApiIdParam('id', 'Id of the join token.')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'It is taken back.' })
  async revoke(@CurrentPrincipal() principal: Principal, @IdParam() id: string): Promise<void> {
    await this.tokens.revoke(principal, id);
  }
}
