import { DomainError } from '../domain-error.js';
import { nextStates, type DeploymentStatus } from './deployment.states.js';

/** Not there, or not the caller's. */
export class DeploymentNotFound extends DomainError {
  constructor() {
    super('deployment/not-found', 'missing', 'There is no such deployment.');
  }
}

/** What is to be deployed or compared must be there. */
export class VersionNotFound extends DomainError {
  constructor(field: string) {
    super(
      'deployment/version-not-found',
      'missing',
      `The repository has no tag of this name, and no commit with this id: ${field} must be one of both.`,
      { errors: [{ field, message: `${field} must be a tag, or the whole id of a commit` }] },
    );
  }
}

/** A tag may name a file or a folder instead of a commit. */
export class VersionWithoutCommit extends DomainError {
  constructor() {
    super('deployment/no-commit', 'conflict', 'This tag leads to no commit, so that there is nothing to deploy.');
  }
}

export class DeploymentNotMovable extends DomainError {
  constructor(from: DeploymentStatus, to: DeploymentStatus) {
    const next = nextStates(from);
    const allowed = next.length === 0 ? 'nothing any more: record another one' : next.join(' or ');
    super('deployment/not-movable', 'conflict', `A deployment that is ${from} cannot become ${to}, but ${allowed}.`, {
      from,
      to,
      allowed: next,
    });
  }
}

export class DeploymentNotPromotable extends DomainError {
  constructor(status: DeploymentStatus, environment: string) {
    super(
      'deployment/not-promotable',
      'conflict',
      `A deployment goes on to another environment once it has succeeded; in ${environment} it is ${status}.`,
      { from: status, environment },
    );
  }
}

/** Too many repositories to join their tags in one answer. */
export class TooManyRepositories extends DomainError {
  constructor(limit: number) {
    super(
      'deployment/too-many-repositories',
      'invalid',
      `The organization has more than ${String(limit)} repositories: name one with repository_id.`,
      { errors: [{ field: 'repository_id', message: 'repository_id is needed to choose one of many repositories' }] },
    );
  }
}
