import { DomainError } from '../domain-error.js';
import { codeOf } from './error-code.js';
import { CAUSE_DETAILS, type GitCause } from './git-causes.js';

/** This process has no GIT_ROOT. */
export class GitNotHere extends DomainError {
  constructor() {
    super(
      'git/not-here',
      'unavailable',
      'This server keeps no Git repositories; another one of the installation does.',
    );
  }
}

const TRANSIENT: readonly GitCause[] = ['unreachable', 'disk_full', 'locked', 'timeout', 'aborted', 'unknown'];

/** A git command failed; `reason` says why as far as it is known. */
export class GitFailed extends DomainError {
  constructor(
    readonly reason: GitCause,
    options?: ErrorOptions,
    { detail = CAUSE_DETAILS[reason], ...more }: { detail?: string; repository_id?: string } = {},
  ) {
    super('git/failed', TRANSIENT.includes(reason) ? 'unavailable' : 'conflict', detail, { reason, ...more }, options);
  }
}

/** A failure of earlier, by what people were told of it. */
export function failureOf(detail: string): GitFailed {
  const known = Object.entries(CAUSE_DETAILS).find(([, text]) => text === detail)?.[0] as GitCause | undefined;
  return new GitFailed(known ?? 'unknown', undefined, { detail });
}

/** One of several repositories cannot be read; says which. */
export class GitFailedIn extends GitFailed {
  constructor(
    readonly repository_id: string,
    /** As it is told of the repository alone. */
    readonly failure: GitFailed,
  ) {
    const detail = `${failure.detail} It is the repository ${repository_id}.`;
    super(failure.reason, { cause: failure }, { detail, repository_id });
  }
}

/** A disk that is full or gone is told like any other failure of Git. */
export function faultOf(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  return new GitFailed(codeOf(error) === 'ENOSPC' ? 'disk_full' : 'unknown', { cause: error });
}

/** The mirror of the repository is still being made. */
export class MirrorNotReady extends DomainError {
  constructor() {
    super('git/syncing', 'unavailable', 'The repository is being fetched for the first time. Try again in a moment.');
  }
}

/** The mirror was found damaged, and making it anew takes longer than a request. */
export class MirrorRebuilding extends DomainError {
  constructor(repository_id: string) {
    super(
      'git/rebuilding',
      'unavailable',
      'The mirror of a repository was found damaged and is being made anew. Try again in a moment.',
      { repository_id },
    );
  }
}

export class RefNotFound extends DomainError {
  constructor() {
    super('git/ref-not-found', 'missing', 'There is no such branch, tag or commit.');
  }
}

/** The address leads where this server does not clone from. */
export class AddressRefused extends DomainError {
  constructor() {
    super(
      'git/address-refused',
      'invalid',
      'The address leads to a private, loopback or link-local network, which this server does not clone from.',
    );
  }
}

/** The path is outside of what may be registered, or is no Git repository. */
export class LocalPathRefused extends DomainError {
  constructor(
    detail: string,
    readonly reason: 'not_found' | 'not_allowed' = 'not_allowed',
  ) {
    super('git/path-refused', 'invalid', detail, { errors: [{ field: 'local_path', message: detail }] });
  }
}

export class GitCredentialsRefused extends DomainError {
  constructor() {
    super(
      'git/unauthenticated',
      'unauthenticated',
      'Git over HTTP takes Basic credentials: the id of an execution and the token of its worker.',
    );
  }
}

/** The repository is not the one of the execution; whether it exists is not told. */
export class GitRepositoryNotFound extends DomainError {
  constructor() {
    super('repository/not-found', 'missing', 'There is no such repository.');
  }
}

/** The execution lost its lease or has ended, so its worker may not write any more. */
export class PushFenced extends DomainError {
  constructor() {
    super('execution/lease-lost', 'conflict', "This execution is not its task's current one, so it may not push.");
  }
}

/** A snapshot without objects of its own is one that the server has already. */
export class SnapshotUnknown extends DomainError {
  constructor() {
    super('git/snapshot-unknown', 'conflict', 'The commit is not here: send it with the objects that belong to it.');
  }
}

/** Snapshots come faster than they can be taken: of one execution, or of all together. */
export class SnapshotsBusy extends DomainError {
  constructor(detail: string) {
    super('git/snapshots-busy', 'unavailable', detail);
  }
}

/** What is left of the disk is for what agents push. */
export class NoRoomForSnapshots extends DomainError {
  constructor() {
    super('git/no-room', 'unavailable', 'The disk of the server is almost full: it takes no snapshots of checkouts.');
  }
}

export class GitRequestRefused extends DomainError {
  constructor(kind: 'invalid' | 'forbidden' | 'too_large' | 'unsupported' | 'slow', detail: string) {
    super('git/request-refused', kind, detail);
  }
}

/** Not there, or not the caller's. */
export class WorktreeNotFound extends DomainError {
  constructor() {
    super('worktree/not-found', 'missing', 'There is no such worktree, or not any more.');
  }
}

/** Somebody, or git, works in the linked work tree at this moment. */
export class WorktreeBusy extends DomainError {
  constructor() {
    super(
      'worktree/busy',
      'conflict',
      'Git works in this worktree at this moment, or was ended in it: index.lock is there.',
    );
  }
}

/** The server cannot, or must not, touch what is there. */
export class WorktreeNotRemovable extends DomainError {
  constructor(why: string, options?: ErrorOptions) {
    super('worktree/not-removable', 'conflict', `The worktree cannot be removed. ${why}`, {}, options);
  }
}

/** Git allows a branch in one work tree only. */
export class BranchInUse extends DomainError {
  constructor(branch: string) {
    super('worktree/branch-in-use', 'conflict', `The branch ${branch} is checked out in another work tree.`);
  }
}

/** There is nowhere to put one. */
export class NoPlaceForWorktree extends DomainError {
  constructor() {
    super(
      'worktree/no-place',
      'conflict',
      'The server can write neither beside this repository nor in it, so it cannot add a worktree.',
    );
  }
}
