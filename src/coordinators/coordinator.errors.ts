import { DomainError, InvalidInput } from '../domain-error.js';

/** Not there, or of another organization. */
export class CoordinatorNotFound extends DomainError {
  constructor() {
    super('coordinator/not-found', 'missing', 'There is no such coordinator.');
  }
}

export class CoordinatorNameTaken extends DomainError {
  constructor(name: string) {
    super(
      'coordinator/name-taken',
      'conflict',
      `A coordinator is called ${name} already. Choose another name, or take the place of a live one with replace: true.`,
    );
  }
}

/** A coordinator of every organization is no single one's to change. */
export class CoordinatorOfInstance extends DomainError {
  constructor() {
    super(
      'coordinator/of-the-instance',
      'forbidden',
      'This coordinator serves every organization: only the administrator of the instance manages it.',
    );
  }
}

export class CoordinatorScopeNotAllowed extends DomainError {
  constructor() {
    super(
      'coordinator/scope-not-allowed',
      'forbidden',
      'Only keys of the instance and its administrator register coordinators of every organization.',
    );
  }
}

export class CoordinatorScopeNeedsOrganization extends InvalidInput {
  constructor() {
    super(
      'This key belongs to no organization.',
      [{ field: 'scope', message: 'scope must be instance for a key of the instance' }],
      'coordinator/scope-needs-organization',
    );
  }
}
