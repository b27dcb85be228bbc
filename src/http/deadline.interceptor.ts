import {
  applyDecorators,
  Injectable,
  SetMetadata,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import type { Observable } from 'rxjs';
import { liftDeadline } from './deadline.js';

const WAITS = Symbol('waits');

/** On routes that wait by design (long polls, streams): no deadline once the caller is known. */
export const Waits = () => applyDecorators(SetMetadata(WAITS, true));

/** Lifts the deadline of `deadline.ts` for such routes. */
@Injectable()
export class DeadlineInterceptor implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const waits = this.reflector.get<boolean | undefined>(WAITS, context.getHandler());
    if (waits) liftDeadline(context.switchToHttp().getRequest<Request>());
    return next.handle();
  }
}
