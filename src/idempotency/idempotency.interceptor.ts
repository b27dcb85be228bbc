import { createHash } from 'node:crypto';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Response } from 'express';
import { from, lastValueFrom, type Observable } from 'rxjs';
import type { RequestWithPrincipal } from '../auth/access.js';
import { KeyRefused, RepeatedRefusal, UnusableKey } from './idempotency.errors.js';
import { IdempotencyService, type Answer } from './idempotency.service.js';
import { IDEMPOTENCY, type Idempotency } from './idempotent.decorator.js';

const HEADER = 'idempotency-key';
const KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;
/** Headers that belong to an answer and are given again with it. */
const KEPT_HEADERS = ['Location', 'ETag'];

/** Gives the first answer again to who sends the same `Idempotency-Key`. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly idempotency: IdempotencyService,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<RequestWithPrincipal>();
    const values = request.headersDistinct[HEADER];
    const how = this.reflector.get<Idempotency | undefined>(IDEMPOTENCY, context.getHandler());
    if (values === undefined || how === undefined) return next.handle();
    if (how === 'refused') throw new KeyRefused();
    const [key, ...others] = values;
    if (key === undefined || others.length > 0 || !KEY.test(key)) throw new UnusableKey();
    return from(this.once(request, context.switchToHttp().getResponse<Response>(), key, how, next));
  }

  private async once(
    request: RequestWithPrincipal,
    response: Response,
    key: string,
    how: 'joined' | 'beside',
    next: CallHandler,
  ): Promise<unknown> {
    const { principal, method, path } = request;
    const caller = [principal?.organization_id, principal?.kind, principal?.id];
    // With the key, which is not kept, so that nothing in the body can be guessed by its hash.
    const keyed = { scope: hash([...caller, method, path, key]), request: hash([key, request.body ?? null]), how };
    const work = async (): Promise<Answer> => {
      const body: unknown = await lastValueFrom(next.handle());
      return { status: response.statusCode, headers: headersOf(response), body };
    };
    try {
      const { status, headers, body, replayed } = await this.idempotency.once(keyed, work);
      if (replayed) response.status(status).set({ ...headers, 'Idempotency-Replayed': 'true' });
      return body;
    } catch (error) {
      if (error instanceof RepeatedRefusal) response.set('Idempotency-Replayed', 'true');
      throw error;
    }
  }
}

const hash = (value: unknown): Buffer => createHash('sha256').update(JSON.stringify(value)).digest();

const headersOf = (response: Response): Record<string, string> =>
  Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => {
      const value = response.getHeader(name);
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
