import { DomainError } from '../domain-error.js';

export class AgentNotFound extends DomainError {
  constructor() {
    super('agent/not-found', 'missing', 'There is no such agent.');
  }
}
