import { DomainError } from '../domain-error.js';

/** Not there, or not the caller's. */
export class OrganizationNotFound extends DomainError {
  constructor() {
    super('organization/not-found', 'missing', 'There is no such organization.');
  }
}

/** The caller belongs to it, but the token acts in another one. */
export class SwitchFirst extends DomainError {
  constructor() {
    super(
      'organization/switch-first',
      'forbidden',
      'This token acts in another organization. Call POST /api/v1/auth/switch-organization first.',
    );
  }
}

/** Owners are the business of owners. */
export class OnlyOwners extends DomainError {
  constructor(what: string) {
    super('organization/owners-only', 'forbidden', `Only an owner of the organization may ${what}.`);
  }
}

/** A personal organization belongs to one person, and is there as long as they are. */
export class PersonalOrganization extends DomainError {
  constructor(what: string) {
    super('organization/personal', 'conflict', `A personal organization cannot ${what}.`);
  }
}

/** Something of it runs, or is about to. */
export class OrganizationBusy extends DomainError {
  constructor() {
    super(
      'organization/busy',
      'conflict',
      'Tasks of this organization are running. Cancel them and wait for their end.',
    );
  }
}

/** Without an owner nobody could ever manage it again. */
export class LastOwner extends DomainError {
  constructor() {
    super(
      'organization/last-owner',
      'conflict',
      'An organization keeps at least one owner. Make somebody else an owner first.',
    );
  }
}
