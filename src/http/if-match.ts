import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { InvalidInput } from '../domain-error.js';

/** The version named by `If-Match` (RFC 9110 §13.1.1), or null when there is none or any will do (`*`). */
export const IfMatch = createParamDecorator((_: unknown, context: ExecutionContext): number | null => {
  const header = context.switchToHttp().getRequest<Request>().headers['if-match'];
  if (header === undefined || header.trim() === '*') return null;
  const version = /^(?:W\/)?"?(\d{1,9})"?$/.exec(header.trim())?.[1];
  if (version === undefined) throw new InvalidInput('If-Match takes the ETag of an earlier answer.');
  return Number(version);
});
