import { HttpException } from '@nestjs/common';
import { DomainError, type ErrorKind, type FieldFault } from '../domain-error.js';

export const PROBLEM_JSON = 'application/problem+json';
/** What a 503 says of when to come again. */
export const RETRY_AFTER_SECONDS = '2';

/** An RFC 9457 problem, with `code`, `request_id` and `errors` as extension members. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail?: string;
  request_id: string;
  errors?: FieldFault[];
}

/** The status of each kind of refusal. A kind without one does not compile. */
export const STATUS_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  missing: 404,
  slow: 408,
  conflict: 409,
  precondition: 412,
  too_large: 413,
  unsupported: 415,
  misdirected: 421,
  outdated: 426,
  limited: 429,
  unavailable: 503,
};

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
};

/** Codes of refusals that the framework makes by itself. */
const FRAMEWORK_CODES: Readonly<Record<number, string>> = {
  400: 'request/malformed',
  404: 'request/no-such-route',
  405: 'request/method-not-allowed',
  413: 'request/too-large',
  415: 'request/unsupported-media-type',
};

const FRAMEWORK_DETAILS: Readonly<Record<number, string>> = {
  400: 'The request could not be understood.',
  404: 'There is no such route. The routes are listed at /api/docs.',
  413: 'The body is larger than this route accepts.',
  415: 'The body is in an encoding that is not accepted.',
};

/** The problem that an exception becomes. Unknown faults say nothing about themselves. */
export function problemOf(error: unknown, requestId: string): Problem {
  if (error instanceof DomainError)
    return problem(STATUS_OF_KIND[error.kind], error.code, error.detail, requestId, error.extra);
  const status = statusOf(error);
  return problem(
    status,
    FRAMEWORK_CODES[status] ?? (status < 500 ? 'request/refused' : 'server/fault'),
    FRAMEWORK_DETAILS[status] ?? (status < 500 ? 'The request was refused.' : undefined),
    requestId,
  );
}

/** A problem of the server's HTTP layer itself. */
export function problem(
  status: number,
  code: string,
  detail: string | undefined,
  requestId: string,
  extra: Record<string, unknown> = {},
): Problem {
  const title = TITLES[status] ?? 'Error';
  return { type: 'about:blank', title, status, code, ...(detail && { detail }), request_id: requestId, ...extra };
}

/** Errors of Nest, of body-parser and of Express's router carry a status; a 4xx one is about the request. */
function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  const status: unknown = error instanceof Error && 'status' in error ? error.status : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}
