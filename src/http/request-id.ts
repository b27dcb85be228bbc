import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

const SANE = /^[\w.:-]{8,128}$/;
const HEADER = 'x-request-id';

/** Keeps a sane incoming `X-Request-Id` or makes one; the answer carries it in any case. */
export function assignRequestId(request: IncomingMessage, response: ServerResponse): string {
  const incoming = request.headers[HEADER];
  const id = typeof incoming === 'string' && SANE.test(incoming) ? incoming : randomUUID();
  response.setHeader('X-Request-Id', id);
  return id;
}

/** The id given to the request by `assignRequestId`, through pino-http. */
export const requestIdOf = (request: IncomingMessage): string => request.id as string;
