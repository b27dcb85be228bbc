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
      `A live worker is called ${name} already. Choose another name, or send replace: true to take its place.`,
    );
  }
}

export class ProtocolTooOld extends DomainError {
  constructor(minimum: number) {
    super(
      'worker/protocol-too-old',
      'outdated',
      `This server speaks version ${String(minimum)} of the worker protocol or later. Update the worker.`,
      { min_protocol: minimum },
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
