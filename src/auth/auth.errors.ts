import { DomainError } from '../domain-error.js';
import type { Permission } from './permissions.js';

/** The caller is not known; each is answered with 401. */
export class Unauthenticated extends DomainError {
  constructor(code: `auth/${string}`, detail: string) {
    super(code, 'unauthenticated', detail);
  }
}

export class NoToken extends Unauthenticated {
  constructor() {
    super('auth/no-token', 'This needs an access token or a key: `Authorization: Bearer <token>`.');
  }
}

export class InvalidToken extends Unauthenticated {
  constructor(detail = 'The token is not one this server has given out.') {
    super('auth/invalid-token', detail);
  }
}

export class SessionEnded extends Unauthenticated {
  constructor() {
    super('auth/session-ended', 'The session of this token has ended. Sign in again.');
  }
}

export class KeyRevoked extends Unauthenticated {
  constructor() {
    super(
      'auth/key-revoked',
      'This key has been revoked, has expired, is used up, or was made by somebody who has left.',
    );
  }
}

/** A worker's token that was rotated out; the worker itself is still there. */
export class TokenRotated extends Unauthenticated {
  constructor() {
    super('auth/token-rotated', 'This token was rotated out some time ago: the worker has another one.');
  }
}

/** The token of a worker that somebody deleted: it is not to come back by itself. */
export class WorkerDeleted extends Unauthenticated {
  constructor() {
    super('auth/worker-deleted', 'This worker has been deleted. Register another one to have it back.');
  }
}

/** The token of a coordinator that somebody has deleted; its process ends instead of registering anew. */
export class CoordinatorDeleted extends Unauthenticated {
  constructor() {
    super('auth/coordinator-deleted', 'This coordinator has been deleted. Register another one to have it back.');
  }
}

/** The caller is known, but may not do this; each is answered with 403 `auth/forbidden`. */
export class Forbidden extends DomainError {
  constructor(detail: string) {
    super('auth/forbidden', 'forbidden', detail);
  }
}

export class MissingPermission extends Forbidden {
  constructor(permission: Permission) {
    super(`This needs the permission ${permission}.`);
  }
}

export class OnlyWorkers extends Forbidden {
  constructor() {
    super('This is for workers with their own token.');
  }
}

export class OnlyCoordinators extends Forbidden {
  constructor() {
    super('This is for coordinators with their own token.');
  }
}

export class OnlyPeople extends Forbidden {
  constructor() {
    super('This is for people who are signed in, not for keys or workers.');
  }
}

/** Whether the organization exists is not said. */
export class NotAMember extends DomainError {
  constructor() {
    super('auth/not-a-member', 'forbidden', 'You are not a member of such an organization.');
  }
}

/** Not there, ended, or somebody else's. */
export class SessionNotFound extends DomainError {
  constructor() {
    super('auth/session-not-found', 'missing', 'There is no such session.');
  }
}

/** A key may not do more than who makes it. */
export class PermissionNotHeld extends DomainError {
  constructor(permissions: readonly Permission[]) {
    super('key/permission-not-held', 'forbidden', `You do not have ${permissions.join(', ')} yourself.`, {
      permissions,
    });
  }
}

/** Not there, or of another organization. */
export class JoinTokenNotFound extends DomainError {
  constructor() {
    super('join-token/not-found', 'missing', 'There is no such join token.');
  }
}

/** Not there, or not the caller's. */
export class KeyNotFound extends DomainError {
  constructor() {
    super('key/not-found', 'missing', 'There is no such key.');
  }
}

/** Another worker's address: to a worker it looks as if there were none. */
export class NotThisWorker extends DomainError {
  constructor() {
    super('worker/not-found', 'missing', 'There is no such worker.');
  }
}

/** To a coordinator, others are not there. */
export class NotThisCoordinator extends DomainError {
  constructor() {
    super('coordinator/not-found', 'missing', 'There is no such coordinator.');
  }
}

/** Nobody has let this person in: SIGN_UP decides who may sign in for the first time. */
export class SignUpClosed extends DomainError {
  constructor() {
    super('auth/sign-up-closed', 'forbidden', 'This person is not known here, and has not been invited.');
  }
}

/** Neither a refresh token in the body nor the cookie of a browser. */
export class NoRefreshToken extends Unauthenticated {
  constructor() {
    super('auth/no-token', 'This needs a refresh token, in the body or in the cookie of a browser.');
  }
}

export class MockLoginOff extends DomainError {
  constructor() {
    super('auth/mock-login-off', 'missing', 'Sign-in without GitHub is not enabled on this server.');
  }
}

/** Mock login may never act for a person that GitHub vouches for. */
export class KnownThroughGithub extends DomainError {
  constructor() {
    super(
      'auth/known-through-github',
      'forbidden',
      'This person has signed in through GitHub and can sign in only there.',
    );
  }
}
