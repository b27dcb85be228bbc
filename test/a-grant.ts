import { newId } from '../src/ids.js';
import type { Grant } from '../src/runner/protocol.js';

const ORGANIZATION = newId();

/** A claimed execution as the server answers it: by default the builtin script `true`, without a repository. */
export function aGrant(
  given: {
    task?: Partial<Grant['task']>;
    agent?: Partial<Grant['agent']>;
    seconds?: number;
  } & Partial<Pick<Grant, 'repository' | 'base_ref' | 'merge_refs' | 'branch' | 'model' | 'previous'>> = {},
): Grant {
  const executionId = newId();
  const { task, agent, seconds = 3600, ...rest } = given;
  const now = Date.now();
  return {
    execution: { id: executionId, attempt: 1 },
    task: {
      id: newId(),
      organization_id: ORGANIZATION,
      name: 'A task',
      description: 'What to do.',
      priority: 'P2',
      agent_type: 'script',
      issue_number: 7,
      timeout_seconds: seconds,
      metadata: { command: ['true'] },
      ...task,
    },
    repository: null,
    base_ref: null,
    merge_refs: [],
    branch: `task/a-task-${executionId.slice(-8)}-a1`,
    prompt: 'A task\n\nWhat to do.',
    model: null,
    previous: null,
    agent: {
      id: 'script-agent',
      agent_type: 'script',
      name: 'Script',
      launch: { command: ['script'], mode: 'builtin' },
      ...agent,
    },
    deadline: new Date(now + seconds * 1000).toISOString(),
    ...rest,
  };
}
