import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

const SANE = /^[\w.:-]{8,128}$/;
const HEADER = 'x-request-id';

/** Keeps a sane incoming `X-Request-Id` or makes one; the answer carries it in any case. */
export function assignRequestId(request: IncomingMessage, response: ServerResponse): string {
  const id = chooseRequestId(request);
  response.setHeader('X-Request-Id', id);
  return id;
}

/** A sane incoming `X-Request-Id`, or a new one. */
export function chooseRequestId(request: IncomingMessage): string {
  const incoming = request.headers[HEADER];
  return typeof incoming === 'string' && SANE.test(incoming) ? incoming : randomUUID();
}

/** The id given to the request by `assignRequestId`, through pino-http. */
export const requestIdOf = (request: IncomingMessage): string => request.id as string;
