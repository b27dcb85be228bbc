import { createParamDecorator, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import type { Request } from 'express';
import { GithubConfig } from '../config/github.config.js';
import { signInCookieOf } from '../http/cookies.js';
import { ServerAddress } from '../http/server-address.js';
import { CALLBACK_PATH, GithubStrategy, type Leaving, type StrategyOptions } from './github.strategy.js';
import { GithubOff, NotAnOwnPath } from './github.errors.js';
import { OauthStatesService } from './oauth-states.service.js';
import { isOwnPath } from './own-path.js';

type LeavingRequest = Request & { leaving?: Leaving };

/** Prepares a browser for its way to GitHub. Throws GithubOff, and NotAnOwnPath before anything is kept. */
@Injectable()
export class LeavingGuard extends AuthGuard() implements CanActivate {
  constructor(
    strategy: GithubStrategy,
    private readonly config: GithubConfig,
    private readonly states: OauthStatesService,
    private readonly server: ServerAddress,
  ) {
    super({ defaultStrategy: strategy.name });
  }

  override getAuthenticateOptions(context: ExecutionContext): StrategyOptions & { property: keyof LeavingRequest } {
    if (!this.config.enabled) throw new GithubOff();
    const request = context.switchToHttp().getRequest<LeavingRequest>();
    const { redirect = '/' } = request.query;
    if (typeof redirect !== 'string' || !isOwnPath(redirect)) throw new NotAnOwnPath();
    const browser = this.states.browserFor(signInCookieOf(request));
    return { property: 'leaving', callbackURL: this.server.url + CALLBACK_PATH, departure: { browser, redirect } };
  }

  override handleRequest<User>(error: Error | null, leaving: User): User {
    if (error !== null) throw error;
    return leaving;
  }
}

/** Where the browser goes, behind LeavingGuard. */
export const CurrentLeaving = createParamDecorator((_: unknown, context: ExecutionContext): Leaving => {
  const { leaving } = context.switchToHttp().getRequest<LeavingRequest>();
  if (leaving === undefined) throw new Error('nobody has asked where the browser goes');
  return leaving;
});
