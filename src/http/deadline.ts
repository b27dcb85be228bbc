import type { Request, RequestHandler } from 'express';
import { DomainError } from '../domain-error.js';
import { sendProblem } from './send-problem.js';
import { problemOf } from './problem.js';
import { requestIdOf } from './request-id.js';

interface Deadline {
  timer: NodeJS.Timeout;
  /** On the clock of `performance`. */
  due: number;
}

const deadlines = new WeakMap<Request, Deadline>();
/** What asks and changes nothing (RFC 9110 §9.2.1). */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Answers 503 when nothing else has after that time, so that no caller hangs. It stands before the guard, whose
 * questions to the database count as well, and behind the reading of the body, which has its own limit.
 */
export const withinDeadline =
  (seconds: number): RequestHandler =>
  (request, response, next) => {
    const tooSlow = new TooSlow(SAFE_METHODS.includes(request.method));
    const answer = (): void => sendProblem(response, problemOf(tooSlow, requestIdOf(request)));
    const timer = setTimeout(answer, seconds * 1000);
    deadlines.set(request, { timer, due: performance.now() + seconds * 1000 });
    response.once('close', () => clearTimeout(timer));
    next();
  };

/** For an answer that takes long by design. */
export function liftDeadline(request: Request): void {
  clearTimeout(deadlines.get(request)?.timer);
  deadlines.delete(request);
}

/** When the answer is due, on the clock of `performance`; Infinity for one that takes long by design. */
export const dueOf = (request: Request): number => deadlines.get(request)?.due ?? Infinity;

class TooSlow extends DomainError {
  constructor(readsOnly: boolean) {
    const unknown = readsOnly ? '' : ' Whether a change was made is not known.';
    super('server/too-slow', 'unavailable', `The server could not answer in time.${unknown}`);
  }
}
