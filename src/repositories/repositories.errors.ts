import { DomainError } from '../domain-error.js';

/** Not there, or not the caller's. */
export class RepositoryNotFound extends DomainError {
  constructor() {
    super('repository/not-found', 'missing', 'There is no such repository.');
  }
}

/** The organization has registered the same source before. */
export class RepositoryExists extends DomainError {
  constructor(repository_id: string) {
    super('repository/exists', 'conflict', 'This repository is registered already.', { repository_id });
  }
}

/** Tasks or executions belong to it. */
export class RepositoryInUse extends DomainError {
  constructor() {
    super(
      'repository/in-use',
      'conflict',
      'Tasks belong to this repository. Delete them first; what they pushed is in the mirror that goes with it.',
    );
  }
}

/** Too many repositories to merge their histories in one answer. */
export class TooManyRepositories extends DomainError {
  constructor(limit: number) {
    super(
      'logs/too-many-repositories',
      'invalid',
      `The organization has more than ${String(limit)} repositories: name one with repository_id.`,
      { errors: [{ field: 'repository_id', message: 'repository_id is needed to choose one of many repositories' }] },
    );
  }
}
