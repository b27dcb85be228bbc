import type { Request } from 'express';

/** Aborted when the client goes away before it has its answer. */
export function socketClosed(request: Request): AbortSignal {
  const controller = new AbortController();
  // It may have gone while it was found out who it is.
  if (request.res?.destroyed) controller.abort();
  else request.res?.once('close', () => controller.abort());
  return controller.signal;
}
