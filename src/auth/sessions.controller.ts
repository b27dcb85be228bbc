import { Body, Controller, Delete, Get, Header, HttpCode, HttpStatus, Post, Query, Req, Res } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { refreshCookieOf, setRefreshCookie } from '../http/cookies.js';
import { ApiIdParam, IdParam } from '../http/id-param.js';
import { PageQuery, type Page } from '../http/page.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { NotIdempotent } from '../idempotency/idempotent.decorator.js';
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
   * the session. A session that a browser keeps in its cookie goes on there, and `refresh_token` is null.
   */
  @Post('switch-organization')
  @Allow('signed-in')
  @NotIdempotent()
  @HttpCode(HttpStatus.OK)
  @Header('Cache-Control', 'no-store')
  @ApiOkResponse({ type: TokenPairDto, description: 'The pair with which the session goes on.' })
  @ProblemsWith({ 403: ['auth/forbidden', 'auth/not-a-member'] })
  async switchOrganization(
    @CurrentPerson() person: UserPrincipal,
    @Body() body: SwitchOrganizationDto,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<TokenPairDto> {
    const cookie = refreshCookieOf(request);
    // A page may have signed in anew without the cookie, which then belongs to another session.
    const byCookie = cookie !== null && (await this.auth.isContinuedBy(person, cookie));
    const signedIn = await this.auth.switchOrganization(person, body.organization_id);
    if (!byCookie) return TokenPairDto.from(signedIn);
    setRefreshCookie(response, signedIn.refresh_token, signedIn.refresh_expires_in);
    return TokenPairDto.from({ ...signedIn, refresh_token: null });
  }
}
