import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';

export const IDEMPOTENCY = Symbol('idempotency');

/**
 * What an `Idempotency-Key` means to a route. `joined`: the answer is kept in the transaction of the effect. `beside`:
 * the effect reaches beyond the database, so the key is reserved first and the answer kept afterwards. `refused`: the
 * answer holds a secret, which must not be kept.
 */
export type Idempotency = 'joined' | 'beside' | 'refused';

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
  applyDecorators(SetMetadata(IDEMPOTENCY, how), documented);

/** On routes that answer a secret: they refuse the header rather than ignore it. */
export const NotIdempotent = (): MethodDecorator => applyDecorators(SetMetadata(IDEMPOTENCY, 'refused'));
