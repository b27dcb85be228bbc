import { DomainError, InvalidInput } from '../domain-error.js';

export class WorkerNotFound extends DomainError {
  constructor() {
    super('worker/not-found', 'missing', 'There is no such worker.');
  }
}

export class WorkerNameTaken extends DomainError {
  constructor(name: string) {
    super(
      'worker/name-taken',
      'conflict',
      `A live worker is called ${name} already. Choose another name, or take its place with replace: true, which a join token may not.`,
    );
  }
}

/** Its process has ended, or is about to: nothing but a new registration brings it back. */
export class WorkerStopped extends DomainError {
  constructor() {
    super('worker/stopped', 'conflict', 'This worker has stopped. Start it again: it registers anew.');
  }
}

/** A worker of every organization is no single one's to stop. */
export class WorkerOfInstance extends DomainError {
  constructor() {
    super(
      'worker/of-the-instance',
      'forbidden',
      'This worker serves every organization: only the administrator of the instance manages it.',
    );
  }
}

/** A pause that would be over already, or that nobody would live to see the end of. */
export class PauseEndsWrong extends InvalidInput {
  constructor() {
    super('The request has a fault.', [
      { field: 'until', message: 'until must be in the future, and within a hundred years' },
    ]);
  }
}

export class OnlyItself extends DomainError {
  constructor() {
    super('worker/only-itself', 'forbidden', 'The token of a worker registers this worker again, under its own name.');
  }
}

/** Whoever may not say so has named a coordinator for a worker. */
export class NotItsCoordinator extends DomainError {
  constructor() {
    super(
      'worker/not-its-coordinator',
      'forbidden',
      'A coordinator registers workers of its own, and what a machine joins or comes back with moves none to another.',
    );
  }
}

/** Not there, of another organization, or of another scope than the worker. */
export class SupervisorNotFound extends DomainError {
  constructor() {
    super('coordinator/not-found', 'missing', 'There is no such coordinator.');
  }
}

export class SupervisorDrains extends DomainError {
  constructor() {
    super('coordinator/draining', 'conflict', 'This coordinator finishes and stops: it takes no more workers.');
  }
}

/** Each server has the worker that speaks its version. */
const UPDATE = 'curl -fsSL "$MIYABI_URL/downloads/miyabi.mjs" -o miyabi.mjs';

export class ProtocolTooOld extends DomainError {
  constructor(minimum: number) {
    super(
      'worker/protocol-too-old',
      'outdated',
      `This server speaks version ${String(minimum)} of the worker protocol or later. Update the worker: ${UPDATE}`,
      { min_protocol: minimum, command: UPDATE },
    );
  }
}

export class ScopeNotAllowed extends DomainError {
  constructor() {
    super(
      'worker/scope-not-allowed',
      'forbidden',
      'Only keys of the instance and its administrator register workers of every organization.',
    );
  }
}

export class ScopeNeedsOrganization extends InvalidInput {
  constructor() {
    super(
      'This key belongs to no organization.',
      [{ field: 'scope', message: 'scope must be instance for a key of the instance' }],
      'worker/scope-needs-organization',
    );
  }
}
