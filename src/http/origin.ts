import { AsyncLocalStorage } from 'node:async_hooks';
import { isIP } from 'node:net';
import type { Request, RequestHandler } from 'express';
import { requestIdOf } from './request-id.js';

/** Where a request came from. */
export interface Origin {
  /** Address of the caller, as far as the proxies in between are trusted. */
  ip: string | null;
  /** What the program calls itself. */
  user_agent: string | null;
  request_id: string | null;
}

const MAX_USER_AGENT = 255;

const NOWHERE: Origin = { ip: null, user_agent: null, request_id: null };

const origins = new AsyncLocalStorage<Origin>();

/** Keeps where a request came from for all that is done on its behalf. Behind the reading of the body, which would lose it. */
export const rememberOrigin: RequestHandler = (request, _response, next) => {
  const user_agent = request.headers['user-agent']?.slice(0, MAX_USER_AGENT) ?? null;
  origins.run({ ip: addressOf(request), user_agent, request_id: requestIdOf(request) }, next);
};

/** A trusted proxy that passes on whatever it was sent must not make us keep it for an address. */
function addressOf({ ip = '', socket }: Request): string | null {
  return isIP(ip) === 0 ? (socket.remoteAddress ?? null) : ip;
}

/** Where the request under way came from; nowhere for what the system does by itself. */
export const currentOrigin = (): Origin => origins.getStore() ?? NOWHERE;
