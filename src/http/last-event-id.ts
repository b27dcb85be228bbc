import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader, ApiOkResponse } from '@nestjs/swagger';
import type { Request } from 'express';
import { InvalidInput } from '../domain-error.js';
import { ProblemsWith } from './problems.decorator.js';

/** The id of the last event that a client of a stream has seen (`Last-Event-ID`); null for one that begins. */
export const LastEventId = createParamDecorator((_: unknown, context: ExecutionContext): string | null => {
  const header = context.switchToHttp().getRequest<Request>().headers['last-event-id'] ?? '';
  const id = [header].flat().join().trim();
  if (id === '') return null;
  if (!/^\d{1,18}$/.test(id)) throw new InvalidInput('Last-Event-ID takes the id of an event of this stream.');
  return id;
});

/** Documents an answer of server-sent events that can be taken up again. */
export const ApiEventStream = (example: string) =>
  applyDecorators(
    ApiHeader({
      name: 'Last-Event-ID',
      required: false,
      description: 'Id of the last event seen, to go on behind it. It goes before `after`.',
      schema: { type: 'string', example: '1025' },
    }),
    ApiOkResponse({
      description: 'Events, as they happen. The last one is `end`, with its reason.',
      content: { 'text/event-stream': { schema: { type: 'string', description: 'Server-sent events.', example } } },
    }),
    ProblemsWith({ 503: ['stream/too-many', 'server/stopping', 'database/unavailable'] }),
  );
