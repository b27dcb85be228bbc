import { DomainError } from '../domain-error.js';

export class AgentNotFound extends DomainError {
  constructor() {
    super('agent/not-found', 'missing', 'There is no such agent.');
  }
}

export class AgentTaken extends DomainError {
  constructor() {
    super('agent/taken', 'conflict', 'There is an agent of this type already.');
  }
}

export class AgentOfCatalogue extends DomainError {
  constructor() {
    super('agent/of-catalogue', 'conflict', 'The catalogue says what this agent is; only its settings can be changed.');
  }
}

export class AgentBuiltIn extends DomainError {
  constructor() {
    super('agent/built-in', 'conflict', 'Workers do this by themselves: how it is launched cannot be changed.');
  }
}

export class TooManyAgents extends DomainError {
  constructor(most: number) {
    super('agent/too-many', 'conflict', `An organization may have ${String(most)} agents of its own.`);
  }
}

export class LaunchForManagers extends DomainError {
  constructor() {
    super('agent/launch-for-managers', 'forbidden', 'Only owners and admins say which program an agent is.');
  }
}

export class LimitNotFound extends DomainError {
  constructor() {
    super('limit/not-found', 'missing', 'There is no such limit.');
  }
}
