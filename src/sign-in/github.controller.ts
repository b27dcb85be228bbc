import { Controller, Get, Header, HttpStatus, Query, Redirect, Res, UseGuards } from '@nestjs/common';
import { ApiFoundResponse, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Public } from '../auth/access.js';
import { setRefreshCookie, setSignInCookie } from '../http/cookies.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { Limited } from '../limits/limit.guard.js';
import { ArrivalGuard, CurrentArrival, type Arrival } from './arrival.guard.js';
import { GithubSignInQuery } from './github.dto.js';
import { GithubSignInService } from './github-sign-in.service.js';
import type { Leaving } from './github.strategy.js';
import { CurrentLeaving, LeavingGuard } from './leaving.guard.js';
import { STATE_LIFE_SECONDS } from './oauth-states.service.js';

const parameter = (name: string, description: string, example: string) =>
  ApiQuery({ name, required: false, description, schema: { type: 'string', example } });

@ApiTags('Auth')
@Controller('auth/github')
export class GithubController {
  constructor(private readonly signIn: GithubSignInService) {}

  /**
   * Send a browser to GitHub to sign in
   *
   * It has ten minutes to come back to the callback, in the same browser. Answers 404 where GitHub is not set up.
   */
  @Get()
  @Public()
  @UseGuards(LeavingGuard)
  @Limited('sign-in')
  @Redirect()
  @Header('Cache-Control', 'no-store')
  @ApiFoundResponse({ description: 'To the page of GitHub where people agree.' })
  @ProblemsWith({ 404: ['auth/github-off'] })
  begin(
    @CurrentLeaving() { location, browser }: Leaving,
    @Query() _query: GithubSignInQuery,
    @Res({ passthrough: true }) response: Response,
  ): { url: string } {
    setSignInCookie(response, browser, STATE_LIFE_SECONDS);
    return { url: location };
  }

  /**
   * Receive a browser that comes back from GitHub
   *
   * Begins a session in the cookie `miyabi_refresh` (see `POST /auth/refresh`) and sends the browser to the path it
   * came for: to `FRONTEND_URL`, or for `/api/...` and `/device` to this server. A sign-in that came to nothing goes
   * there with `?error=` instead and has no session: `access_denied` (the person said no), `github_refused` (GitHub
   * did), `github_unavailable` (it was out of reach, too slow or had a fault), `github_malformed` (its answer made no
   * sense), `sign_up_closed` (nobody has invited them). A state that is wrong, expired, of another browser or has been
   * used is a 400.
   */
  @Get('callback')
  @Public()
  @UseGuards(ArrivalGuard)
  @Limited('sign-in')
  @Redirect()
  @Header('Cache-Control', 'no-store')
  @parameter('code', 'What GitHub gives for a token, once.', 'a1b2c3d4e5f6a1b2c3d4')
  @parameter('state', 'What this server gave the browser on its way.', 'mPZQkWc0b3gq3x8rTnqk7q5s0mYH2Zl6vJd1uXeR9oA')
  @parameter('error', 'Why there is no code.', 'access_denied')
  @ApiFoundResponse({ description: 'To where the browser wanted to go, signed in or with `?error=`.' })
  @ProblemsWith({ 400: ['auth/wrong-state'], 404: ['auth/github-off'] })
  async callback(
    @CurrentArrival() { redirect, ...arrived }: Arrival,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ url: string; statusCode: number }> {
    const { location, signed_in } = await this.signIn.welcome(redirect, arrived);
    if (signed_in !== null) setRefreshCookie(response, signed_in.refresh_token, signed_in.refresh_expires_in);
    return { url: location, statusCode: HttpStatus.FOUND };
  }
}
