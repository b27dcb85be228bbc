import { Catch, type ArgumentsHost } from '@nestjs/common';
import type { Request, Response } from 'express';
import { ProblemFilter } from '../http/problem.filter.js';
import { problemOf } from '../http/problem.js';
import { requestIdOf } from '../http/request-id.js';

const UNAUTHORIZED = 401;

/** Refusals of the git routes: Git shows its user what comes as plain text, all others get a problem. */
@Catch()
export class GitProblemFilter extends ProblemFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const { status, code, detail } = problemOf(error, requestIdOf(request));
    if (response.headersSent) {
      super.catch(error, host);
      return;
    }
    if (status === UNAUTHORIZED) response.setHeader('WWW-Authenticate', 'Basic realm="miyabi", charset="UTF-8"');
    // Half a body that nobody reads would stop the connection for ever.
    if (request.readableDidRead && !request.complete) response.setHeader('Connection', 'close');
    const isGit = request.get('user-agent')?.startsWith('git/') ?? false;
    if (!isGit || detail === undefined) super.catch(error, host);
    else response.status(status).type('text/plain').send(`${code}: ${detail}\n`);
  }
}
