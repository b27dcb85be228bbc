/** How an agent is started: an argument list, never a shell line, with `{{task.name}}`-like placeholders. */
export interface Launch {
  command: string[];
  /** `builtin` is done by the worker itself, `plain` is a program whose output is its log. */
  mode: 'plain' | 'builtin';
}
