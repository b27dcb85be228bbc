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

/** Its worker alone says how an attempt ended. */
export class HeldByWorker extends DomainError {
  constructor(executionId: string) {
    super(
      'task/held-by-worker',
      'conflict',
      `A worker runs the task and ends it with POST /api/v1/executions/${executionId}/finish.`,
      { execution_id: executionId },
    );
  }
}

export class WrongLogOffset extends DomainError {
  constructor(nextOffset: number) {
    super('execution/log-offset', 'conflict', `Send the entries from number ${String(nextOffset)} on.`, {
      next_offset: nextOffset,
    });
  }
}

/** There is no commit that its work could be read from. */
export class NothingPushed extends DomainError {
  constructor(inRepository: boolean) {
    super(
      'execution/nothing-pushed',
      'conflict',
      inRepository
        ? 'Nothing was pushed by this execution, and nothing was seen of its checkout.'
        : 'This execution works in no repository.',
    );
  }
}

/** The mirror of its repository lacks the commit. */
export class ExecutionCommitGone extends DomainError {
  constructor() {
    super(
      'execution/commit-gone',
      'missing',
      'The commit that this execution ended in is not in its repository, or not any more.',
    );
  }
}
