import { DomainError } from '../domain-error.js';

/** The caller is not known to be wrong, only to be too eager. */
export class TooManyAttempts extends DomainError {
  constructor() {
    super('auth/too-many-attempts', 'limited', 'Too many attempts. Wait for as long as `Retry-After` says.');
  }
}
