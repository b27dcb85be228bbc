import { Catch, HttpStatus, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { allowedMethods } from './allowed-methods.js';
import { problem, problemOf, PROBLEM_JSON, type Problem } from './problem.js';
import { requestIdOf } from './request-id.js';
import { sendBeforeBodyEnds } from './unread-body.js';

const RETRY_AFTER_SECONDS = '2';

/** Turns every exception into an answer of `application/problem+json` (RFC 9457). */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const requestId = requestIdOf(request);
    if (response.writableEnded) {
      // The deadline has answered meanwhile; what came of it afterwards is nobody's answer any more.
      this.logger.debug({ err: error, request_id: requestId }, 'an answer came too late');
      return;
    }
    let answer = problemOf(error, requestId);
    if (answer.code === 'request/no-such-route') {
      const methods = allowedMethods(request);
      if (methods.length > 0) response.setHeader('Allow', methods.join(', '));
      if (methods.length > 0 && request.method === 'OPTIONS') {
        response.status(HttpStatus.NO_CONTENT).end();
        return;
      }
      if (methods.length > 0) answer = wrongMethod(methods, requestId);
    }
    if (answer.status >= 500) this.logger.error({ err: error, request_id: requestId }, 'a request failed');
    sendProblem(response, answer);
  }
}

/** A path that other methods are known for is a 405 with `Allow` (RFC 9110 §15.5.6), not a 404. */
const wrongMethod = (methods: readonly string[], requestId: string): Problem =>
  problem(405, 'request/method-not-allowed', `This route takes ${methods.join(', ')}.`, requestId);

/** Writes a problem, unless the answer has begun: then only ending the connection tells the client. */
export function sendProblem(response: Response, answer: Problem): void {
  if (response.headersSent) {
    if (!response.writableEnded) response.destroy();
    return;
  }
  if (answer.status === 401 && !response.hasHeader('WWW-Authenticate')) {
    const fault = answer.code === 'auth/no-token' ? '' : ', error="invalid_token"';
    response.setHeader('WWW-Authenticate', `Bearer realm="miyabi"${fault}`);
  }
  if (answer.status === 503) response.setHeader('Retry-After', RETRY_AFTER_SECONDS);
  // A body that was not read to its end would be taken for the next request.
  if (answer.status === 413 || answer.status === 408) response.setHeader('Connection', 'close');
  response.status(answer.status).type(PROBLEM_JSON);
  sendBeforeBodyEnds(response, Buffer.from(JSON.stringify(answer)));
}
