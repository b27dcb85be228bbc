import type { Response } from 'express';
import { PROBLEM_JSON, RETRY_AFTER_SECONDS, type Problem } from './problem.js';
import { sendBeforeBodyEnds } from './unread-body.js';

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
