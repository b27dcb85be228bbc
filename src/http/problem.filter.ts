import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { sendNoRoute } from './no-route.js';
import { problemOf } from './problem.js';
import { requestIdOf } from './request-id.js';
import { sendProblem } from './send-problem.js';

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
    const answer = problemOf(error, requestId);
    if (answer.code === 'request/no-such-route') {
      sendNoRoute(request, response);
      return;
    }
    if (answer.status >= 500) this.logger.error({ err: error, request_id: requestId }, 'a request failed');
    sendProblem(response, answer);
  }
}
