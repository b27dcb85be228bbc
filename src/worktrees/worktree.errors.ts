import { DomainError } from '../domain-error.js';

/** Not there, or not the caller's. */
export class WorktreeNotFound extends DomainError {
  constructor() {
    super('worktree/not-found', 'missing', 'There is no such worktree, or not any more.');
  }
}

/** Too many local repositories to look through in one answer. */
export class TooManyLocalRepositories extends DomainError {
  constructor(limit: number) {
    super(
      'worktree/too-many-repositories',
      'invalid',
      `The organization has more than ${String(limit)} repositories on this server's disk: name one with repository_id.`,
      { errors: [{ field: 'repository_id', message: 'repository_id is needed to choose one of many repositories' }] },
    );
  }
}

/** It has no commit to compare. */
export class NothingCommitted extends DomainError {
  constructor() {
    super(
      'worktree/nothing-committed',
      'conflict',
      'There is no commit in this worktree yet, or none that can be read.',
    );
  }
}

/** The files are on another machine, and nothing of them has come here. */
export class WorktreeNotPushed extends DomainError {
  constructor() {
    super(
      'worktree/not-pushed',
      'conflict',
      'The checkout is on the disk of its worker, and nothing of it was pushed: the server has nothing to compare.',
    );
  }
}
