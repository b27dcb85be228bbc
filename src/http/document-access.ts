import type { NestExpressApplication } from '@nestjs/platform-express';
import type { RequestHandler } from 'express';
import { assertAllowed } from '../auth/access.policy.js';
import { CallersService } from '../auth/callers.service.js';
import { problemOf } from './problem.js';
import { sendProblem } from './send-problem.js';
import { requestIdOf } from './request-id.js';

/** Lets only callers who are signed in pass. For what stands outside of Nest's routes, where no guard is asked. */
export function onlySignedIn(app: NestExpressApplication): RequestHandler {
  const callers = app.get(CallersService);
  return (request, response, next) => {
    callers
      .identifyHeader(request.headers.authorization)
      .then((principal) => {
        assertAllowed(principal, 'signed-in', null);
        next();
      })
      .catch((error: unknown) => sendProblem(response, problemOf(error, requestIdOf(request))));
  };
}
