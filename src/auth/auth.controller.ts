import { Body, Controller, Get, Header, HttpCode, HttpStatus, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { Addresses } from '../http/addresses.js';
import { clearRefreshCookie, refreshCookieOf, setRefreshCookie } from '../http/cookies.js';
import { DevelopmentOnly } from '../http/development-only.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { NotIdempotent } from '../idempotency/idempotent.decorator.js';
import { githubIdOfBody, Limited, presentedToken } from '../limits/limit.guard.js';
import { OrganizationDto } from '../organizations/organizations.dto.js';
import { Allow, CurrentPerson, Public } from './access.js';
import { LogoutDto, MeDto, MockLoginDto, RefreshDto, TokenPairDto, UserDto } from './auth.dto.js';
import { NoRefreshToken, Unauthenticated } from './auth.errors.js';
import { AuthService } from './auth.service.js';
import { MockLoginGuard } from './mock-login.guard.js';
import type { UserPrincipal } from './principal.js';

@ApiTags('Auth')
@Controller('auth')
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly addresses: Addresses,
  ) {}

  /**
   * Sign in without GitHub (development only)
   *
   * Answers 404 where it is not enabled, and 403 for a person who has ever signed in through GitHub, or whom `SIGN_UP`
   * keeps out.
   */
  @Post('mock')
  @Public()
  @NotIdempotent()
  @DevelopmentOnly()
  @Limited('sign-in', githubIdOfBody)
  @UseGuards(MockLoginGuard)
  @HttpCode(HttpStatus.OK)
  @Header('Cache-Control', 'no-store')
  @ApiOkResponse({ type: TokenPairDto, description: 'Signed in.' })
  @ProblemsWith({ 403: ['auth/known-through-github', 'auth/sign-up-closed'], 404: ['auth/mock-login-off'] })
  async mockLogin(@Body() body: MockLoginDto): Promise<TokenPairDto> {
    return TokenPairDto.from(await this.auth.mockLogin(body));
  }

  /**
   * Exchange a refresh token for a new pair of tokens
   *
   * Programs send it in the body. Browsers leave it out: then that of the cookie `miyabi_refresh` is used, `Origin` must
   * be this server, `FRONTEND_URL` or one of `CORS_ORIGINS`, and the next one goes into the cookie, not into the answer.
   */
  @Post('refresh')
  @Public()
  @NotIdempotent()
  @Limited('refresh', presentedToken)
  @HttpCode(HttpStatus.OK)
  @Header('Cache-Control', 'no-store')
  @ApiOkResponse({ type: TokenPairDto, description: 'The next pair; the refresh token sent is used up.' })
  @ProblemsWith({ 401: ['auth/no-token', 'auth/invalid-token', 'auth/session-ended'], 403: ['auth/foreign-origin'] })
  async refresh(
    @Body() body: RefreshDto,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<TokenPairDto> {
    if (body.refresh_token !== undefined) return TokenPairDto.from(await this.auth.refresh(body.refresh_token));
    return this.refreshByCookie(request, response);
  }

  /**
   * Sign out, here or everywhere
   *
   * Takes the cookie of a browser away as well.
   */
  @Post('logout')
  @Allow('signed-in')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'The tokens of the session are refused from now on.' })
  async logout(
    @CurrentPerson() person: UserPrincipal,
    @Body() body: LogoutDto,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    if (refreshCookieOf(request) !== null) clearRefreshCookie(response);
    await this.auth.logout(person, body.everywhere ?? false);
  }

  /** Tell who is signed in, where, and what they may do */
  @Get('me')
  @Allow('signed-in')
  @ApiOkResponse({ type: MeDto, description: 'The person behind the access token.' })
  async me(@CurrentPerson() person: UserPrincipal): Promise<MeDto> {
    const { user, organization } = await this.auth.me(person);
    return {
      user: UserDto.from(user),
      is_administrator: person.is_administrator,
      organization: OrganizationDto.from(organization),
      role: person.role,
      permissions: [...person.permissions],
    };
  }

  private async refreshByCookie(request: Request, response: Response): Promise<TokenPairDto> {
    const cookie = refreshCookieOf(request);
    if (cookie === null) throw new NoRefreshToken();
    // The browser sends it by itself, also when a page of somebody else asks it to.
    this.addresses.assertKnownOrigin(request.headers.origin);
    try {
      const signedIn = await this.auth.refresh(cookie);
      setRefreshCookie(response, signedIn.refresh_token, signedIn.refresh_expires_in);
      return TokenPairDto.from({ ...signedIn, refresh_token: null });
    } catch (error) {
      if (error instanceof Unauthenticated) clearRefreshCookie(response);
      throw error;
    }
  }
}
