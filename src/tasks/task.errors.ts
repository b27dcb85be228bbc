import { DomainError, InvalidInput } from '../domain-error.js';
import type { TaskStatus } from './task.states.js';

export class TaskNotFound extends DomainError {
  constructor() {
    super('task/not-found', 'missing', 'There is no such task.');
  }
}

/** The task is in a state that does not allow what was asked. */
export class TaskStateConflict extends DomainError {
  constructor(code: 'task/running' | 'task/final' | 'task/not-editable', status: TaskStatus, detail: string) {
    super(code, 'conflict', detail, { task_status: status });
  }
}

export class TaskChanged extends DomainError {
  constructor(version: number) {
    super('task/changed', 'precondition', 'The task has changed since it was read. Read it again.', { version });
  }
}

export class UnknownAgentType extends InvalidInput {
  constructor(agentType: string) {
    super(
      `There is no agent of the type ${agentType}. GET /api/v1/agents lists them.`,
      [{ field: 'agent_type', message: 'agent_type must be that of an agent of the catalogue' }],
      'task/unknown-agent-type',
    );
  }
}

export class UnknownRepository extends InvalidInput {
  constructor() {
    super(
      'There is no such repository.',
      [{ field: 'repository_id', message: 'repository_id must be that of a repository of this organization' }],
      'task/unknown-repository',
    );
  }
}

/** A built-in entry runs commands as they are given, which needs a permission of its own. */
export class ScriptNotAllowed extends DomainError {
  constructor() {
    super('task/script-not-allowed', 'forbidden', 'Tasks of the type script need the permission agents.run_script.');
  }
}

export class ScriptWithoutCommand extends InvalidInput {
  constructor() {
    super(
      'A task of the type script says in metadata.command what to run.',
      [
        {
          field: 'metadata.command',
          message: 'metadata.command must be a list of one to 256 texts, the command first',
        },
      ],
      'task/script-without-command',
    );
  }
}
