import { DomainError } from '../domain-error.js';

/** What happened to the instance as a whole is not the business of a tenant. */
export class AdministratorsOnly extends DomainError {
  constructor() {
    super('audit/administrators-only', 'forbidden', "The instance's log is for its administrator, in person.");
  }
}
