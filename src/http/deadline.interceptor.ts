import {
  applyDecorators,
  Injectable,
  SetMetadata,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { throwError, timeout, type Observable } from 'rxjs';
import { DomainError } from '../domain-error.js';

const WAITS = Symbol('waits');
const DEADLINE_MS = 4800;

/** On routes that wait by design (long polls, streams): no deadline. */
export const Waits = () => applyDecorators(SetMetadata(WAITS, true));

/** Answers 503 when a route has none after 4.8 seconds, so that no caller hangs. */
@Injectable()
export class DeadlineInterceptor implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (this.reflector.get<boolean | undefined>(WAITS, context.getHandler())) return next.handle();
    return next.handle().pipe(timeout({ first: DEADLINE_MS, with: () => throwError(() => new TooSlow()) }));
  }
}

class TooSlow extends DomainError {
  constructor() {
    super(
      'server/too-slow',
      'unavailable',
      'The server could not answer in time. Whether a change was made is not known.',
    );
  }
}
