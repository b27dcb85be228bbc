import { DomainError, InvalidInput } from '../domain-error.js';

/** Nobody of that id belongs to the organization. */
export class MemberNotFound extends DomainError {
  constructor() {
    super('member/not-found', 'missing', 'There is no such member.');
  }
}

/** The person belongs to the organization already. */
export class MemberExists extends DomainError {
  constructor() {
    super('member/exists', 'conflict', 'This person is a member of the organization already.');
  }
}

/** Ownership goes to somebody else or stays. */
export class TransferToSelf extends InvalidInput {
  constructor() {
    super('Ownership is transferred to another member.', [
      { field: 'user_id', message: 'user_id must be that of another member' },
    ]);
  }
}
