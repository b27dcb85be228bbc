import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import { InvalidInput } from '../domain-error.js';

/**
 * Refuses addresses that would be read as something else than was meant: `%zz` stays as it is and `%ff` becomes U+FFFD
 * in a query string, bytes that are not escaped are taken for Latin-1, and without one `Host` (RFC 9112 §3.2) the
 * check of it means nothing.
 */
export const onlyPlainTargets: RequestHandler = (request, _response, next) => {
  next(faultOf(request));
};

/** What is wrong with the address or the Host header of a request, if anything. */
export function faultOf(request: IncomingMessage): InvalidInput | undefined {
  const hosts = request.headersDistinct['host'] ?? [];
  if (hosts.length > 1 || (hosts.length === 0 && request.httpVersion !== '1.0'))
    return new InvalidInput('The request must have one Host header.', [], 'request/malformed');
  return isDecodable(request.url ?? '')
    ? undefined
    : new InvalidInput('The address must be percent-encoded UTF-8.', [], 'request/malformed');
}

function isDecodable(target: string): boolean {
  if (!/^[\x21-\x7e]*$/.test(target)) return false;
  if (!target.includes('%')) return true;
  try {
    decodeURIComponent(target);
    return true;
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
}
