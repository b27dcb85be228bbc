import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Request, RequestHandler } from 'express';
import { assertAllowed } from '../auth/access.policy.js';
import { Unauthenticated } from '../auth/auth.errors.js';
import { CallersService } from '../auth/callers.service.js';
import type { Principal } from '../auth/principal.js';
import { GithubConfig } from '../config/github.config.js';
import { HttpConfig } from '../config/http.config.js';
import { refreshCookieOf } from './cookies.js';
import { problemOf } from './problem.js';
import { sendProblem } from './send-problem.js';
import { requestIdOf } from './request-id.js';

const SIGN_IN = '/api/v1/auth/github?redirect=/api/docs';

/**
 * Lets only callers who are signed in pass, browsers also by their cookie; a page that somebody opens without leads to
 * the sign-in. For what stands outside of Nest's routes, where no guard is asked.
 */
export function onlySignedIn(app: NestExpressApplication): RequestHandler {
  const callers = app.get(CallersService);
  const canSignIn = app.get(GithubConfig).enabled;
  const signIn = app.get(HttpConfig).base_path + SIGN_IN;
  return (request, response, next) => {
    identify(callers, request)
      .then((principal) => {
        assertAllowed(principal, 'signed-in', null);
        next();
      })
      .catch((error: unknown) => {
        if (error instanceof Unauthenticated && canSignIn && isPageOpened(request)) response.redirect(signIn);
        else sendProblem(response, problemOf(error, requestIdOf(request)));
      });
  };
}

/** The cookie opens what is only read: it is not used up, and nothing can be done with it. */
function identify(callers: CallersService, request: Request): Promise<Principal> {
  const cookie = request.method === 'GET' ? refreshCookieOf(request) : null;
  const { authorization } = request.headers;
  return authorization === undefined && cookie !== null
    ? callers.identifyHolder(cookie)
    : callers.identifyHeader(authorization);
}

const isPageOpened = ({ method, headers }: Request): boolean =>
  method === 'GET' && headers.authorization === undefined && /\btext\/html\b/.test(headers.accept ?? '');
