import { createParamDecorator, Injectable, type ExecutionContext } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import type { Request } from 'express';
import { GithubConfig } from '../config/github.config.js';
import { signInCookieOf } from '../http/cookies.js';
import { liftDeadline } from '../http/deadline.js';
import { ServerAddress } from '../http/server-address.js';
import { GithubOff, SignInFailed, WrongState } from './github.errors.js';
import {
  CALLBACK_PATH,
  GithubStrategy,
  returning,
  type GithubGrant,
  type ReturningRequest,
  type StrategyOptions,
} from './github.strategy.js';
import { OauthStatesService } from './oauth-states.service.js';

/** A browser that came back with a good state: with somebody GitHub vouches for, or with what went wrong. */
export type Arrival = { redirect: string } & ({ grant: GithubGrant } | { failed: SignInFailed });

type ArrivingRequest = Request & { grant?: GithubGrant; arrival?: Arrival };

/** Meets a browser that comes back from GitHub. Throws GithubOff, and WrongState for one that never left from here. */
@Injectable()
export class ArrivalGuard extends AuthGuard() {
  constructor(
    strategy: GithubStrategy,
    private readonly config: GithubConfig,
    private readonly states: OauthStatesService,
    private readonly server: ServerAddress,
  ) {
    super({ defaultStrategy: strategy.name });
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (!this.config.enabled) throw new GithubOff();
    const request = context.switchToHttp().getRequest<ArrivingRequest>();
    // GitHub has a time limit of its own.
    liftDeadline(request);
    request.arrival = await this.meet(request, context);
    return true;
  }

  override getAuthenticateOptions(): StrategyOptions & { property: keyof ArrivingRequest } {
    return { property: 'grant', callbackURL: this.server.url + CALLBACK_PATH };
  }

  override handleRequest<Grant>(error: Error | null, grant: Grant): Grant {
    if (error !== null) throw error;
    if (!grant) throw new WrongState();
    return grant;
  }

  private async meet(request: ArrivingRequest, context: ExecutionContext): Promise<Arrival> {
    const visit: ReturningRequest = { browser: signInCookieOf(request) };
    const failed = failureIn(request.query);
    if (failed !== null) {
      // The library would take an error for true whoever brings it, and without a code begin anew.
      const { redirect } = await this.states.arrive(request.query['state'], visit.browser);
      return { redirect, failed };
    }
    returning.set(request, visit);
    try {
      await super.canActivate(context);
      const { grant } = request;
      if (grant === undefined) throw new WrongState();
      return { redirect: visit.redirect ?? '/', grant };
    } catch (error) {
      // What GitHub does wrong comes behind a good state; all else is a refusal or a fault of ours.
      if (!(error instanceof SignInFailed)) throw error;
      return { redirect: visit.redirect ?? '/', failed: error };
    }
  }
}

/** What the answer itself says went wrong; null when there is a code to exchange (RFC 6749 §4.1.2). */
function failureIn({ error, code }: Request['query']): SignInFailed | null {
  if (error === 'access_denied') return new SignInFailed('access_denied', 'the person said no at GitHub');
  if (error !== undefined) return new SignInFailed('github_refused', 'GitHub sent the browser back with an error');
  if (typeof code !== 'string' || !/^[\x21-\x7e]{1,512}$/.test(code))
    return new SignInFailed('github_malformed', 'GitHub sent the browser back without a code');
  return null;
}

/** Who or what came back, behind ArrivalGuard. */
export const CurrentArrival = createParamDecorator((_: unknown, context: ExecutionContext): Arrival => {
  const { arrival } = context.switchToHttp().getRequest<ArrivingRequest>();
  if (arrival === undefined) throw new Error('nobody has met the browser');
  return arrival;
});
