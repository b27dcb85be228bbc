import { DomainError } from '../domain-error.js';

export class ExecutionNotFound extends DomainError {
  constructor() {
    super('execution/not-found', 'missing', 'There is no such execution.');
  }
}

/** The fence: another attempt may run by now, so nothing of this one is taken any more. */
export class LeaseLost extends DomainError {
  constructor() {
    super(
      'execution/lease-lost',
      'conflict',
      'This execution is not the current one of its task any more. End its agent.',
    );
  }
}

export class AlreadyFinished extends DomainError {
  constructor(status: string) {
    super('execution/already-finished', 'conflict', `The execution has ended as ${status} already.`, {
      execution_status: status,
    });
  }
}

export class WrongLogOffset extends DomainError {
  constructor(nextOffset: number) {
    super('execution/log-offset', 'conflict', `Send the entries from number ${String(nextOffset)} on.`, {
      next_offset: nextOffset,
    });
  }
}
