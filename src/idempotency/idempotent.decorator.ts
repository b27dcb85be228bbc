import { applyDecorators } from '@nestjs/common';
import { ApiExtension, ApiHeader } from '@nestjs/swagger';
import { REFUSES_KEY } from '../http/problems.decorator.js';

export const IDEMPOTENCY = Symbol('idempotency');

/**
 * What an `Idempotency-Key` means to a route. `joined`: the answer is kept in the transaction of the effect. `beside`:
 * the effect reaches beyond the database, so the key is reserved first and the answer kept afterwards. `refused`: the
 * answer holds a secret, which must not be kept.
 */
export type Idempotency = 'joined' | 'beside' | 'refused';

/** Marks a handler. Two marks would contradict each other, and the upper one would win unnoticed. */
const mark =
  (how: Idempotency): MethodDecorator =>
  (target, property, descriptor) => {
    const handler = descriptor.value as object;
    if (Reflect.hasMetadata(IDEMPOTENCY, handler))
      throw new Error(`${target.constructor.name}.${String(property)} says twice what an Idempotency-Key means to it`);
    Reflect.defineMetadata(IDEMPOTENCY, how, handler);
  };

const documented = ApiHeader({
  name: 'Idempotency-Key',
  required: false,
  description:
    'A text of your own, 1 to 255 visible ASCII characters. For 24 hours the same key with the same body gets the first answer again, with `Idempotency-Replayed: true`; with another body it is refused.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
  example: '0f3a5c1e-create-dark-mode',
});

/** On routes that create something: the same request sent twice has one effect. */
export const Idempotent = (how: 'joined' | 'beside' = 'joined'): MethodDecorator =>
  applyDecorators(mark(how), documented);

/** On routes that answer a secret: they refuse the header rather than ignore it. */
export const NotIdempotent = (): MethodDecorator => applyDecorators(mark('refused'), ApiExtension(REFUSES_KEY, true));
