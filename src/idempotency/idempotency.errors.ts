import { DomainError, InvalidInput, type ErrorKind } from '../domain-error.js';

export class UnusableKey extends InvalidInput {
  constructor() {
    super('Idempotency-Key takes one text of 1 to 255 visible ASCII characters.', [], 'idempotency/unusable-key');
  }
}

/** The answer would hold a secret, which is not kept to be given again. */
export class KeyRefused extends InvalidInput {
  constructor() {
    super(
      'This route answers a secret and takes no Idempotency-Key. Send the request without it.',
      [],
      'idempotency/refused',
    );
  }
}

export class KeyReused extends DomainError {
  constructor() {
    super('idempotency/other-body', 'conflict', 'This Idempotency-Key was used with another body within 24 hours.');
  }
}

export class FirstStillRuns extends DomainError {
  constructor() {
    super('idempotency/in-progress', 'conflict', 'The first request with this Idempotency-Key is still at work.');
  }
}

/** The refusal that the first request got. */
export class RepeatedRefusal extends DomainError {
  constructor({ code, kind, detail, extra }: KeptRefusal) {
    super(code, kind, detail, extra);
  }
}

/** A refusal as it is kept. */
export interface KeptRefusal {
  code: string;
  kind: ErrorKind;
  detail: string;
  extra: Record<string, unknown>;
}

/** Refusals that the same request would get again; the others may pass. */
const LASTING: readonly ErrorKind[] = ['invalid', 'missing', 'conflict', 'unsupported', 'too_large'];

export const isLasting = (error: unknown): error is DomainError =>
  error instanceof DomainError && LASTING.includes(error.kind);
