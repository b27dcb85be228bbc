/** What sort of refusal an error is; `http/problem.ts` maps each kind to a status. */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'missing'
  | 'conflict'
  | 'precondition'
  | 'too_large'
  | 'unsupported'
  | 'misdirected'
  | 'outdated'
  | 'limited'
  | 'slow'
  | 'unavailable';

/** One field of the input that was refused, as RFC 9457 extension member `errors`. */
export interface FieldFault {
  field: string;
  message: string;
}

/**
 * A refusal a caller can act upon. `code` is stable and machine readable (`task/not-claimable`);
 * `detail` is for people and never holds SQL, paths of the server or secrets.
 */
export class DomainError extends Error {
  /** Members added to the problem answer beside the standard ones. */
  readonly extra: Record<string, unknown>;

  constructor(
    readonly code: string,
    readonly kind: ErrorKind,
    readonly detail: string,
    extra: Record<string, unknown> = {},
    options?: ErrorOptions,
  ) {
    super(`${code}: ${detail}`, options);
    this.name = new.target.name;
    this.extra = extra;
  }
}

/** Input that cannot be accepted, with the fields at fault. */
export class InvalidInput extends DomainError {
  constructor(detail: string, errors: FieldFault[] = [], code = 'request/invalid') {
    super(code, 'invalid', detail, errors.length > 0 ? { errors } : {});
  }
}
