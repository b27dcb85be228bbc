import { HttpStatus } from '@nestjs/common';
import type { Request, RequestHandler, Response } from 'express';
import { allowedMethods } from './allowed-methods.js';
import { problem } from './problem.js';
import { requestIdOf } from './request-id.js';
import { sendProblem } from './send-problem.js';

/** Answers a request that no route takes: 405 with `Allow` (RFC 9110 §15.5.6) where other methods are known, else 404. */
export function sendNoRoute(request: Request, response: Response): void {
  const methods = allowedMethods(request).join(', ');
  if (methods === '') {
    const detail = 'There is no such route. The routes are listed at /api/docs.';
    sendProblem(response, problem(404, 'request/no-such-route', detail, requestIdOf(request)));
    return;
  }
  response.setHeader('Allow', methods);
  if (request.method === 'OPTIONS') response.status(HttpStatus.NO_CONTENT).end();
  else {
    const detail = `This route takes ${methods}.`;
    sendProblem(response, problem(405, 'request/method-not-allowed', detail, requestIdOf(request)));
  }
}

/** The last handler of the application: Nest's own is not asked about what stands beside the API. */
export const noRoute: RequestHandler = (request, response) => sendNoRoute(request, response);
