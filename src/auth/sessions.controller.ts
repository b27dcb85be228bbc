import { Body, Controller, Delete, Get, Header, HttpCode, HttpStatus, Post, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { PageQuery, type Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { Allow, CurrentPerson } from './access.js';
import { TokenPairDto } from './auth.dto.js';
import { AuthService } from './auth.service.js';
import { OwnSessionsService } from './own-sessions.service.js';
import type { UserPrincipal } from './principal.js';
import { SessionDto, SessionPage, SwitchOrganizationDto } from './sessions.dto.js';

@ApiTags('Auth')
@Controller('auth')
export class SessionsController {
  constructor(
    private readonly sessions: OwnSessionsService,
    private readonly auth: AuthService,
  ) {}

  /** List the caller's own sessions that have not ended, newest first */
  @Get('sessions')
  @Allow('signed-in')
  @ApiOkResponse({ type: SessionPage, description: 'One page of sessions.' })
  list(@CurrentPerson() person: UserPrincipal, @Query() query: PageQuery): Promise<Page<SessionDto>> {
    return this.sessions.list(person, query, (session) => SessionDto.from(session, person.session_id));
  }

  /**
   * End one of the caller's own sessions
   *
   * Its access and refresh tokens are refused from the next request on. The current session may be ended as well.
   */
  @Delete('sessions/:id')
  @Allow('signed-in')
  @ApiIdParam('id', 'Id of the session.')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'It has ended.' })
  async revoke(@CurrentPerson() person: UserPrincipal, @IdParam() id: string): Promise<void> {
    await this.sessions.revoke(person, id);
  }

  /**
   * Go on in another organization
   *
   * The session stays and acts in the other organization. Keep the new pair and forget the old one: access tokens of the
   * organization before are refused from now on, and its refresh token counts as used, so that sending it once more ends
   * the session.
   */
  @Post('switch-organization')
  @Allow('signed-in')
  @HttpCode(HttpStatus.OK)
  @Header('Cache-Control', 'no-store')
  @ApiOkResponse({ type: TokenPairDto, description: 'The pair with which the session goes on.' })
  @ProblemsWith({ 403: ['auth/forbidden', 'auth/not-a-member'] })
  async switchOrganization(
    @CurrentPerson() person: UserPrincipal,
    @Body() body: SwitchOrganizationDto,
  ): Promise<TokenPairDto> {
    return TokenPairDto.from(await this.auth.switchOrganization(person, body.organization_id));
  }
}
