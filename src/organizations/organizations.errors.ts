import { DomainError } from '../domain-error.js';

/** Not there, or not the caller's. */
export class OrganizationNotFound extends DomainError {
  constructor() {
    super('organization/not-found', 'missing', 'There is no such organization.');
  }
}
