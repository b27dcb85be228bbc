import { DomainError, InvalidInput } from '../domain-error.js';
import type { TaskStatus } from './task.states.js';

export class TaskNotFound extends DomainError {
  constructor() {
    super('task/not-found', 'missing', 'There is no such task.');
  }
}

/** The task is in a state that does not allow what was asked. */
export class TaskStateConflict extends DomainError {
  constructor(
    code:
      | 'task/running'
      | 'task/final'
      | 'task/not-editable'
      | 'task/not-waiting'
      | 'task/not-retryable'
      | 'task/not-pending',
    status: TaskStatus,
    detail: string,
  ) {
    super(code, 'conflict', detail, { task_status: status });
  }
}

/** Another task holds the exclusive key that this one needs. */
export class WaitsForKey extends DomainError {
  constructor(key: string | null) {
    super('task/waits-for-key', 'conflict', 'Another task with the same concurrency_key is queued or runs.', {
      concurrency_key: key,
    });
  }
}

/** Attempts may use nothing any more, so that there can be none. */
export class BudgetUsedUp extends DomainError {
  constructor(status: TaskStatus) {
    super(
      'task/budget-used-up',
      'conflict',
      'The attempts so far have used up max_cost_usd or max_tokens. Create another task for what is left to do.',
      { task_status: status },
    );
  }
}

/** Nobody does it now, so nothing can be said of how that ended. */
export class TaskNotRunning extends DomainError {
  constructor(status: TaskStatus) {
    super('task/not-running', 'conflict', `The task is ${status}, not running.`, { task_status: status });
  }
}

const MOST_NAMES = 10;

/** A task would wait for itself, in the end. */
export class DependencyCycle extends DomainError {
  /** `field` is the input that closes the cycle, where there is one. */
  constructor(cycle: readonly { id: string; name: string }[], field?: string) {
    const all = cycle.map(({ name }) => name);
    const names = (all.length > MOST_NAMES ? [...all.slice(0, MOST_NAMES - 2), '…', all.at(-1)] : all).join(' → ');
    super('task/dependency-cycle', 'conflict', `These tasks would wait for each other: ${names}.`, {
      cycle: cycle.map(({ id }) => id),
      ...(field !== undefined && { errors: [{ field, message: `${field} must not lead back to the task` }] }),
    });
  }
}

export class DependencyExists extends DomainError {
  constructor() {
    super('task/dependency-exists', 'conflict', 'The task waits for that one already.');
  }
}

export class DependencyNotFound extends DomainError {
  constructor() {
    super('task/dependency-not-found', 'missing', 'The task does not wait for that one.');
  }
}

/** Tasks that have not begun would wait for ever, or begin without what this one has made. */
export class TaskNeeded extends DomainError {
  constructor() {
    super(
      'task/needed',
      'conflict',
      'Tasks that have not begun depend on this one. Take it from their dependencies first, or cancel them.',
    );
  }
}

/** The branches of all of them are merged before the work begins. */
export class TooManyDependencies extends DomainError {
  constructor(limit: number) {
    super('task/too-many-dependencies', 'conflict', `A task depends on at most ${String(limit)} others.`);
  }
}

/** Two tasks of a batch are called the same. */
export class DuplicateRef extends InvalidInput {
  constructor(field: string, ref: string) {
    super(
      `Two tasks of the batch have the ref ${ref}.`,
      [{ field, message: `${field} must be the only one of its kind in the batch` }],
      'task/duplicate-ref',
    );
  }
}

/** A dependency that is not there. */
export class UnknownDependency extends InvalidInput {
  constructor(field: string, reference: string) {
    super(
      `There is no task ${reference} to depend on.`,
      [{ field, message: `${field} must name tasks of this organization` }],
      'task/unknown-dependency',
    );
  }
}

export class TaskChanged extends DomainError {
  constructor(version: number) {
    super('task/changed', 'precondition', 'The task has changed since it was read. Read it again.', { version });
  }
}

export class UnknownAgentType extends InvalidInput {
  constructor(agentType: string, at: string) {
    super(
      `There is no agent of the type ${agentType}. GET /api/v1/agents lists them.`,
      [{ field: `${at}agent_type`, message: 'agent_type must be that of an agent of the catalogue' }],
      'task/unknown-agent-type',
    );
  }
}

export class UnknownRepository extends InvalidInput {
  constructor(at = '') {
    super(
      'There is no such repository.',
      [{ field: `${at}repository_id`, message: 'repository_id must be that of a repository of this organization' }],
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
  constructor(at: string) {
    super(
      'A task of the type script says in metadata.command what to run.',
      [
        {
          field: `${at}metadata.command`,
          message: 'metadata.command must be a list of one to 256 texts, the command first',
        },
      ],
      'task/script-without-command',
    );
  }
}
