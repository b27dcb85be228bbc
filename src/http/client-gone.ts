import type { ServerResponse } from 'node:http';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';

/** A signal that is aborted when the client is gone or has its answer: work for it may end. */
export const ClientGone = createParamDecorator((_: unknown, context: ExecutionContext): AbortSignal => {
  const controller = new AbortController();
  context
    .switchToHttp()
    .getResponse<ServerResponse>()
    .once('close', () => controller.abort());
  return controller.signal;
});
