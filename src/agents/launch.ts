/**
 * How an agent is started: argument lists, never a shell line, with placeholders such as `{{task.name}}`. An item that
 * names `{{model}}` is left out for a task that wants no certain model.
 */
export interface Launch {
  command: string[];
  /** What is started instead when there is a session to go on with, as `{{previous.session_id}}`. */
  resume?: string[];
  mode: LaunchMode;
}

/**
 * `builtin` is done by the worker itself, `plain` is a program whose output is its log, `stream-json` is one of the known
 * CLIs that writes its events, a line of JSON each.
 */
export const LAUNCH_MODES = ['plain', 'stream-json', 'builtin'] as const;

export type LaunchMode = (typeof LAUNCH_MODES)[number];

/** Names that a command or a `resume` may refer to. */
export const PLACEHOLDERS = [
  'prompt',
  'model',
  'branch',
  'base_ref',
  'task.id',
  'task.name',
  'task.description',
  'task.priority',
  'task.agent_type',
  'task.issue_number',
  'task.timeout_seconds',
  'execution.id',
  'execution.attempt',
  'agent.id',
  'repository.full_name',
  'repository.default_branch',
  'previous.session_id',
  'previous.branch',
] as const;
