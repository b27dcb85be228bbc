import { DomainError, InvalidInput } from '../domain-error.js';

/** Why a sign-in through GitHub came to nothing, as browsers are told in `?error=`. */
export const SIGN_IN_FAILURES = [
  'access_denied',
  'github_refused',
  'github_unavailable',
  'github_malformed',
  'sign_up_closed',
] as const;

export type SignInFailure = (typeof SIGN_IN_FAILURES)[number];

/** Ends in a redirect with the code. The message is for the log and holds nothing that GitHub has sent. */
export class SignInFailed extends Error {
  constructor(
    readonly failure: SignInFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'SignInFailed';
  }
}

export class GithubOff extends DomainError {
  constructor() {
    super('auth/github-off', 'missing', 'Sign-in through GitHub is not set up on this server.');
  }
}

/** Not one that this server has given this browser within the last minutes, or one that has come before. */
export class WrongState extends InvalidInput {
  constructor() {
    super('This sign-in has expired or was begun elsewhere. Begin again.', [], 'auth/wrong-state');
  }
}

export class NotAnOwnPath extends InvalidInput {
  constructor() {
    super('The request has a fault.', [{ field: 'redirect', message: 'redirect must be a path of this server' }]);
  }
}
