import express, { type NextFunction, type Request, type RequestHandler } from 'express';
import { DomainError, InvalidInput } from '../domain-error.js';
import { parseExactJson } from './exact-json.js';
import { hasBody } from './unread-body.js';

const MIB = 1024 * 1024;

/** Routes whose bodies may be larger than the rest. */
const LARGE_BODIES: readonly { path: RegExp; limit: number }[] = [
  { path: /^\/api\/v1\/executions\/[^/]+\/logs\/?$/, limit: 4 * MIB },
  { path: /^\/api\/v1\/tasks\/bulk\/?$/, limit: 8 * MIB },
  { path: /^\/api\/v1\/workers\/[^/]+\/exchange\/?$/, limit: 8 * MIB },
];

/** Git's smart HTTP has its own bodies and its own time limits. */
export const isGitPath = (path: string): boolean => path.startsWith('/git/');

const limitFor = (path: string): number => LARGE_BODIES.find((route) => route.path.test(path))?.limit ?? MIB;

/**
 * Reads JSON bodies: at most 1 MiB (some routes more), within the time limit, strictly UTF-8, and only when the
 * content type says JSON. Refusals: 400 `json/...`, 408, 413, 415.
 */
export function jsonBody(timeoutSeconds: number): RequestHandler {
  const readers = new Map<number, RequestHandler>();
  const reader = (limit: number): RequestHandler => {
    const known = readers.get(limit) ?? express.raw({ type: () => true, limit });
    readers.set(limit, known);
    return known;
  };
  return (request, response, next) => {
    if (isGitPath(request.path) || !hasBody(request)) {
      next();
      return;
    }
    if (!isJson(request.headers['content-type'])) {
      next(
        new DomainError('request/unsupported-media-type', 'unsupported', 'Send the body as application/json in UTF-8.'),
      );
      return;
    }
    const limit = limitFor(request.path);
    // Known before it is sent; bodies without a length are counted as they come in.
    if (Number(request.headers['content-length']) > limit) {
      next(
        new DomainError('request/too-large', 'too_large', `This route takes ${String(limit / MIB)} MiB at the most.`),
      );
      return;
    }
    const settle = withinTime(request, timeoutSeconds, next);
    void reader(limit)(request, response, (error?: unknown) => {
      settle(error ?? parse(request));
    });
  };
}

/** Calls `next` once: with what `settle` is given, or with a refusal when that takes too long. */
function withinTime(request: Request, timeoutSeconds: number, next: NextFunction): (error: unknown) => void {
  let settled = false;
  const settle = (error: unknown): void => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    next(error);
  };
  const timer = setTimeout(() => {
    request.pause();
    settle(new DomainError('request/too-slow', 'slow', 'The body did not arrive in time.'));
  }, timeoutSeconds * 1000);
  return settle;
}

function isJson(contentType: string | undefined): boolean {
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';');
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  return (
    /^application\/([\w.+-]+\+)?json$/.test(type.trim()) &&
    (charset === undefined || /^charset="?utf-8"?$/.test(charset))
  );
}

/** Replaces the raw body by its value; gives the refusal, or undefined when all is well. */
function parse(request: Request): unknown {
  try {
    const body = request.body as Buffer;
    request.body = body.length === 0 ? undefined : parseExactJson(decode(body));
    return undefined;
  } catch (error) {
    return error;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch {
    throw new InvalidInput('The body is not valid UTF-8.', [], 'json/malformed');
  }
}
