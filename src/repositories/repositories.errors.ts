import { DomainError, InvalidInput } from '../domain-error.js';

/** Not there, or not the caller's. */
export class RepositoryNotFound extends DomainError {
  constructor() {
    super('repository/not-found', 'missing', 'There is no such repository.');
  }
}

/** A default branch has to be there. */
export class NoSuchBranch extends InvalidInput {
  constructor() {
    const message = 'default_branch must be a branch of the repository';
    super('The repository has no such branch.', [{ field: 'default_branch', message }], 'repository/no-such-branch');
  }
}

/** The organization has registered the same source before. */
export class RepositoryExists extends DomainError {
  constructor(repository_id: string) {
    super('repository/exists', 'conflict', 'This repository is registered already.', { repository_id });
  }
}

/** Credentials are for addresses that ask for them. */
export class CredentialsNotTaken extends DomainError {
  constructor() {
    super(
      'repository/credentials-not-taken',
      'conflict',
      'Only a repository with an https address takes credentials. For ssh, the account of the server needs a key.',
    );
  }
}

/** There is nothing to encrypt credentials with. */
export class NoKeyForCredentials extends DomainError {
  constructor() {
    super(
      'repository/no-key-for-credentials',
      'conflict',
      'This server keeps no credentials, as it has no key to encrypt them with (TOKEN_ENCRYPTION_KEYS).',
    );
  }
}

/** What goes with a repository. */
export interface RepositoryLosses {
  running_tasks: number;
  waiting_tasks: number;
  ended_tasks: number;
  /** Branches that executions pushed and nobody has merged, also those that only a damaged mirror has; the first hundred. */
  unmerged_branches: string[];
}

/** Something would be lost with it, or is still in the way. */
export class RepositoryInUse extends DomainError {
  constructor(losses?: RepositoryLosses) {
    super('repository/in-use', 'conflict', detailOf(losses), { ...losses });
  }
}

function detailOf(losses: RepositoryLosses | undefined): string {
  if (losses === undefined) return 'Tasks have come to this repository in the meantime. Ask again.';
  const { running_tasks, waiting_tasks, ended_tasks, unmerged_branches } = losses;
  const parts = [
    [running_tasks, 'running tasks'],
    [waiting_tasks, 'waiting tasks'],
    [ended_tasks, 'ended tasks with what they did'],
    [unmerged_branches.length, 'branches that were pushed and not merged'],
  ] as const;
  const lost = parts.flatMap(([count, what]) => (count > 0 ? [`${String(count)} ${what}`] : []));
  return `With this repository would be lost: ${lost.join(', ')}. With force=true its tasks are cancelled and deleted; ask again once those that run have ended.`;
}

/** Too many repositories to merge their histories in one answer. */
export class TooManyRepositories extends DomainError {
  constructor(limit: number) {
    super(
      'logs/too-many-repositories',
      'invalid',
      `The organization has more than ${String(limit)} repositories: name one with repository_id, or leave some out with without.`,
      { errors: [{ field: 'repository_id', message: 'repository_id is needed to choose one of many repositories' }] },
    );
  }
}
