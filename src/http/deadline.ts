import type { Request, RequestHandler } from 'express';
import { DomainError } from '../domain-error.js';
import { sendProblem } from './send-problem.js';
import { problemOf } from './problem.js';
import { requestIdOf } from './request-id.js';

const timers = new WeakMap<Request, NodeJS.Timeout>();

/**
 * Answers 503 when nothing else has after that time, so that no caller hangs. It stands before the guard, whose
 * questions to the database count as well, and behind the reading of the body, which has its own limit.
 */
export const withinDeadline =
  (seconds: number): RequestHandler =>
  (request, response, next) => {
    const answer = (): void => sendProblem(response, problemOf(new TooSlow(), requestIdOf(request)));
    const timer = setTimeout(answer, seconds * 1000);
    timers.set(request, timer);
    response.once('close', () => clearTimeout(timer));
    next();
  };

/** For an answer that takes long by design. */
export const liftDeadline = (request: Request): void => clearTimeout(timers.get(request));

class TooSlow extends DomainError {
  constructor() {
    super(
      'server/too-slow',
      'unavailable',
      'The server could not answer in time. Whether a change was made is not known.',
    );
  }
}
