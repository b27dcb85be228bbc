import type { OpenAPIObject } from '@nestjs/swagger';
import type { DeclaredProblems } from './problems.decorator.js';
import { problem, type Problem } from './problem.js';

type Components = NonNullable<OpenAPIObject['components']>;
type Schema = NonNullable<Components['schemas']>[string];
type Response = NonNullable<Components['responses']>[string];

/** Statuses with one description for every route. */
export type SharedStatus = 400 | 401 | 403 | 404 | 408 | 413 | 415 | 421 | 429 | 500 | 503;

interface Refusal {
  /** Name below `components.responses`. */
  name: string;
  description: string;
  example: Problem;
  headers?: Record<string, string>;
}

const PROBLEM_JSON = 'application/problem+json';
const REQUEST_ID = '0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f';

const refusal = (
  name: string,
  description: string,
  [status, code, detail, extra]: [number, string, string?, Record<string, unknown>?],
  headers?: Record<string, string>,
): Refusal => ({ name, description, example: problem(status, code, detail, REQUEST_ID, extra), headers });

/** Headers of every answer of an operation whose callers are counted, by their name below `components.headers`. */
const ALLOWANCE = {
  'RateLimit-Limit': 'RateLimitLimit',
  'RateLimit-Remaining': 'RateLimitRemaining',
  'RateLimit-Reset': 'RateLimitReset',
};

const FAULT = { errors: [{ field: 'name', message: 'name must not be blank' }] };

const REFUSALS: Readonly<Record<SharedStatus, Refusal>> = {
  400: refusal('BadRequest', 'The input has faults; `errors` names each.', [
    400,
    'request/invalid',
    'The request has a fault.',
    FAULT,
  ]),
  401: refusal(
    'Unauthorized',
    'Nobody is signed in, or the token is not valid any more.',
    [401, 'auth/no-token', 'Sign in and send the access token as `Authorization: Bearer ...`.'],
    { 'WWW-Authenticate': 'Challenge' },
  ),
  403: refusal('Forbidden', 'The caller lacks the permission that the operation names.', [
    403,
    'auth/forbidden',
    'This needs the permission tasks.create.',
  ]),
  404: refusal('NotFound', 'Not there, or not yours: the two look alike.', [
    404,
    'task/not-found',
    'There is no such task.',
  ]),
  408: refusal('RequestTimeout', 'The body did not arrive in time.', [
    408,
    'request/too-slow',
    'The body did not arrive in time.',
  ]),
  413: refusal('ContentTooLarge', 'The body is larger than the route accepts.', [
    413,
    'request/too-large',
    'The body is larger than this route accepts.',
  ]),
  415: refusal('UnsupportedMediaType', 'The body is not JSON in UTF-8.', [
    415,
    'request/unsupported-media-type',
    'Send the body as application/json in UTF-8.',
  ]),
  421: refusal('MisdirectedRequest', 'The `Host` header names a host this server does not answer for.', [
    421,
    'http/foreign-host',
    'This server does not answer for the host named. Add it to ALLOWED_HOSTS if it should.',
  ]),
  429: refusal(
    'TooManyRequests',
    'Too many attempts by this address, or about this account.',
    [429, 'auth/too-many-attempts', 'Too many attempts. Wait for as long as `Retry-After` says.'],
    { 'Retry-After': 'RetryAfter', ...ALLOWANCE },
  ),
  500: refusal('ServerFault', 'A fault of the server. Its log has the whole story under `request_id`.', [
    500,
    'server/fault',
  ]),
  503: refusal(
    'Unavailable',
    'The database or its pool is out of reach, or no answer could be given in time. Try again.',
    [503, 'database/unavailable', 'The database is out of reach or too busy. Nothing is known to be lost; try again.'],
    { 'Retry-After': 'RetryAfter' },
  ),
};

const text = (description: string, example: string): Schema => ({ type: 'string', description, example });

/** What every refusal looks like, after RFC 9457 §3. */
const PROBLEM: Schema = {
  type: 'object',
  description: 'A refusal (RFC 9457). Some carry further members, which their description names.',
  required: ['type', 'title', 'status', 'code', 'request_id'],
  properties: {
    type: text('Always `about:blank`: `code` tells refusals apart.', 'about:blank'),
    title: text('The name of the status.', 'Conflict'),
    status: { type: 'integer', minimum: 400, maximum: 599, description: 'The HTTP status.', example: 409 },
    code: text('Stable name of the refusal, for programs.', 'task/not-claimable'),
    detail: text('What happened, for people.', 'The task is not pending.'),
    request_id: text('The `X-Request-Id` of the answer, for questions to the operator.', REQUEST_ID),
    errors: {
      type: 'array',
      description: 'Each field at fault; only when the input has faults.',
      items: { $ref: '#/components/schemas/FieldFault' },
    },
  },
  additionalProperties: true,
};

const FIELD_FAULT: Schema = {
  type: 'object',
  description: 'One fault of the input.',
  required: ['field', 'message'],
  properties: {
    field: text('Path of the field, such as `tasks[3].name`.', 'name'),
    message: text('What is wrong with it.', 'name must not be blank'),
  },
};

const count = (description: string, example: number) => ({
  description,
  schema: { type: 'integer' as const },
  example,
});

const HEADERS: NonNullable<Components['headers']> = {
  RequestId: {
    description: 'Id of the request; a sane `X-Request-Id` of the caller is kept.',
    schema: { type: 'string' },
    example: REQUEST_ID,
  },
  Challenge: {
    description: 'How to sign in (RFC 6750).',
    schema: { type: 'string' },
    example: 'Bearer realm="miyabi"',
  },
  RetryAfter: {
    description: 'Seconds after which a further attempt makes sense.',
    schema: { type: 'integer' },
    example: 2,
  },
  RateLimitLimit: count('Attempts within the time that is counted.', 60),
  RateLimitRemaining: count('Further attempts before that time is over.', 59),
  RateLimitReset: count('Seconds until the count begins anew.', 60),
};

export const requestIdHeader = { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } };

/** Where callers are counted, each answer tells what is left; absent where the operator has switched the limit off. */
export const allowanceHeaders = (): Record<string, { $ref: string }> => referenced(ALLOWANCE);

/** The answer of a status that is the same for every route. */
export const sharedRefusal = (status: SharedStatus): Response => ({
  $ref: `#/components/responses/${REFUSALS[status].name}`,
});

/** Answers of the refusals that a route has declared itself, by status. */
export const declaredRefusals = (declared: DeclaredProblems): [string, Response][] =>
  Object.entries(declared).map(([status, codes]) => [
    status,
    {
      description: `Refused: ${codes.map((code) => `\`${code}\``).join(', ')}.`,
      headers: requestIdHeader,
      content: {
        [PROBLEM_JSON]: {
          schema: { $ref: '#/components/schemas/Problem' },
          examples: Object.fromEntries(
            codes.map((code) => [
              code.replace('/', '-'),
              { value: problem(Number(status), code, undefined, REQUEST_ID) },
            ]),
          ),
        },
      },
    },
  ]);

/** What the references above lead to. */
export function problemComponents(): Required<Pick<Components, 'schemas' | 'responses' | 'headers'>> {
  const responses = Object.values(REFUSALS).map(({ name, description, example, headers = {} }): [string, Response] => [
    name,
    {
      description,
      headers: { ...requestIdHeader, ...referenced(headers) },
      content: { [PROBLEM_JSON]: { schema: { $ref: '#/components/schemas/Problem' }, example } },
    },
  ]);
  return {
    schemas: { Problem: PROBLEM, FieldFault: FIELD_FAULT },
    responses: Object.fromEntries(responses),
    headers: HEADERS,
  };
}

const referenced = (headers: Record<string, string>): Record<string, { $ref: string }> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, target]) => [name, { $ref: `#/components/headers/${target}` }]),
  );
