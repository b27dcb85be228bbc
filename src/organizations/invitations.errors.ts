import { DomainError } from '../domain-error.js';

/** Not there, or for somebody else. */
export class InvitationNotFound extends DomainError {
  constructor() {
    super('invitation/not-found', 'missing', 'There is no such invitation.');
  }
}

/** One that waits for an answer is enough. */
export class InvitationExists extends DomainError {
  constructor(invitation_id: string) {
    super('invitation/exists', 'conflict', 'An invitation of this login waits for its answer already.', {
      invitation_id,
    });
  }
}

/** It has been answered or revoked, or has expired. */
export class InvitationClosed extends DomainError {
  constructor(status: string) {
    super('invitation/closed', 'conflict', `The invitation is ${status} and cannot be answered any more.`, {
      invitation_status: status,
    });
  }
}
