import type { Request } from 'express';

/** Aborted when the client goes away before it has its answer. */
export function socketClosed(request: Request): AbortSignal {
  const controller = new AbortController();
  request.res?.once('close', () => controller.abort());
  return controller.signal;
}
