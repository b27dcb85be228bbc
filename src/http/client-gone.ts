import type { ServerResponse } from 'node:http';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { setDue } from './answer-due.js';
import { dueOf } from './deadline.js';

/** A signal that is aborted when the client is gone or has its answer: work for it may end. It knows when that is due. */
export const ClientGone = createParamDecorator((_: unknown, context: ExecutionContext): AbortSignal => {
  const controller = new AbortController();
  const http = context.switchToHttp();
  http.getResponse<ServerResponse>().once('close', () => controller.abort());
  setDue(controller.signal, dueOf(http.getRequest<Request>()));
  return controller.signal;
});
