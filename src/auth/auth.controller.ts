import { Body, Controller, Get, Header, HttpCode, HttpStatus, Post, UseGuards } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { ProblemsWith } from '../http/problems.decorator.js';
import { githubIdOfBody, Limited, presentedToken } from '../limits/limit.guard.js';
import { OrganizationDto } from '../organizations/organizations.dto.js';
import { Allow, CurrentPerson, Public } from './access.js';
import { LogoutDto, MeDto, MockLoginDto, RefreshDto, TokenPairDto, UserDto } from './auth.dto.js';
import { AuthService } from './auth.service.js';
import { MockLoginGuard } from './mock-login.guard.js';
import type { UserPrincipal } from './principal.js';

@ApiTags('Auth')
@Controller('auth')
export class AuthController {
  constructor(private readonly auth: AuthService) {}

  /**
   * Sign in without GitHub (development only)
   *
   * Answers 404 where it is not enabled, and 403 for a person who has ever signed in through GitHub.
   */
  @Post('mock')
  @Public()
  @Limited('sign-in', githubIdOfBody)
  @UseGuards(MockLoginGuard)
  @HttpCode(HttpStatus.OK)
  @Header('Cache-Control', 'no-store')
  @ApiOkResponse({ type: TokenPairDto, description: 'Signed in.' })
  @ProblemsWith({ 403: ['auth/known-through-github'], 404: ['auth/mock-login-off'] })
  async mockLogin(@Body() body: MockLoginDto): Promise<TokenPairDto> {
    return TokenPairDto.from(await this.auth.mockLogin(body));
  }

  /** Exchange a refresh token for a new pair of tokens */
  @Post('refresh')
  @Public()
  @Limited('refresh', presentedToken)
  @HttpCode(HttpStatus.OK)
  @Header('Cache-Control', 'no-store')
  @ApiOkResponse({ type: TokenPairDto, description: 'The next pair; the refresh token sent is used up.' })
  @ProblemsWith({ 401: ['auth/invalid-token', 'auth/session-ended'] })
  async refresh(@Body() body: RefreshDto): Promise<TokenPairDto> {
    return TokenPairDto.from(await this.auth.refresh(body.refresh_token));
  }

  /** Sign out, here or everywhere */
  @Post('logout')
  @Allow('signed-in')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiNoContentResponse({ description: 'The tokens of the session are refused from now on.' })
  async logout(@CurrentPerson() person: UserPrincipal, @Body() body: LogoutDto): Promise<void> {
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
      organization: OrganizationDto.from(organization),
      role: person.role,
      permissions: [...person.permissions],
    };
  }
}
