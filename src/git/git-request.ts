import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Request } from 'express';
import { codeOf } from './error-code.js';
import { GitRequestRefused } from './git.errors.js';

/** The two services of Git's smart HTTP (gitprotocol-http). */
export const GIT_SERVICES = ['git-upload-pack', 'git-receive-pack'] as const;

export type GitService = (typeof GIT_SERVICES)[number];

/** The service asked for at `info/refs`. Without one it would be the dumb protocol, which is not spoken here. */
export function serviceOf(request: Request): GitService {
  const service = GIT_SERVICES.find((known) => known === request.query['service']);
  if (service === undefined) {
    throw new GitRequestRefused('forbidden', "Only Git's smart HTTP protocol is spoken here: use git 1.6.6 or later.");
  }
  return service;
}

/** The wire protocol the client asked for, in a form that is safe to pass on; null for the oldest. */
export function wireProtocolOf(request: Request): string | null {
  const asked = (request.get('git-protocol') ?? '').split(':');
  return ['version=2', 'version=1'].find((version) => asked.includes(version)) ?? null;
}

/**
 * The body of a request for the service, unzipped. Throws GitRequestRefused for another content type or encoding;
 * while it is read, for more than `max_bytes` or bytes that are no gzip.
 */
export function bodyOf(
  request: Request,
  service: GitService | 'git-snapshot',
  max_bytes: number,
): AsyncIterable<Buffer> {
  const type = request.get('content-type') ?? '';
  if (type !== `application/x-${service}-request`) {
    throw new GitRequestRefused('unsupported', `The body must be application/x-${service}-request.`);
  }
  const encoding = request.get('content-encoding') ?? 'identity';
  if (encoding === 'identity') return bounded(request, max_bytes);
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    throw new GitRequestRefused('unsupported', 'The body may be compressed with gzip alone.');
  }
  // What goes wrong on the way comes out where the result is read.
  return bounded(
    pipeline(request, createGunzip(), () => undefined),
    max_bytes,
  );
}

async function* bounded(chunks: AsyncIterable<Buffer>, max_bytes: number): AsyncGenerator<Buffer> {
  let size = 0;
  try {
    for await (const chunk of chunks) {
      size += chunk.length;
      if (size > max_bytes) throw new GitRequestRefused('too_large', 'The body is larger than this route accepts.');
      yield chunk;
    }
  } catch (error) {
    throw codeOf(error).startsWith('Z_') ? new GitRequestRefused('invalid', 'The body is not valid gzip.') : error;
  }
}
