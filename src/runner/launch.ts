import { Fault } from './fault.js';
import type { Grant } from './protocol.js';

/** How the work of an execution is done. */
export type Launch =
  { readonly kind: 'note' } | { readonly kind: 'process'; readonly argv: readonly [string, ...string[]] };

const PLACEHOLDER = /\{\{\s*([a-z_.]+)\s*\}\}/g;

/** What a catalogue entry may refer to in its command. */
const placeholders = (grant: Grant): Record<string, string | number | null> => ({
  prompt: grant.prompt,
  branch: grant.branch,
  base_ref: grant.base_ref,
  'task.id': grant.task.id,
  'task.name': grant.task.name,
  'task.description': grant.task.description,
  'task.priority': grant.task.priority,
  'task.agent_type': grant.task.agent_type,
  'task.issue_number': grant.task.issue_number,
  'task.timeout_seconds': grant.task.timeout_seconds,
  'execution.id': grant.execution.id,
  'execution.attempt': grant.execution.attempt,
  'agent.id': grant.agent.id,
  'repository.full_name': grant.repository?.full_name ?? null,
  'repository.default_branch': grant.repository?.default_branch ?? null,
});

/** Throws a Fault when the claim cannot be launched. */
export function launchOf(grant: Grant): Launch {
  const { command, mode } = grant.agent.launch;
  if (mode !== 'builtin')
    return { kind: 'process', argv: argvOf(command.map((item) => fill(item, placeholders(grant)))) };
  if (command[0] === 'note') return { kind: 'note' };
  if (command[0] === 'script') return { kind: 'process', argv: argvOf(grant.task.metadata['command']) };
  throw new Fault('agent_missing', `This worker has no builtin agent ${JSON.stringify(command[0] ?? '')}.`);
}

/** One item stays one item, whatever is filled in: nothing splits it, and what was filled in is not looked at again. */
export function fill(item: string, values: Readonly<Record<string, string | number | null>>): string {
  const filled = item.replaceAll(PLACEHOLDER, (whole: string, name: string) => {
    if (!Object.hasOwn(values, name))
      throw new Fault('agent_missing', `The agent's command names ${whole}, which does not exist.`, {
        retryable: false,
      });
    return String(values[name] ?? '');
  });
  // Text from an issue that begins with a dash must not become an option of the command.
  return item.startsWith('{{') && filled.startsWith('-') ? ` ${filled}` : filled;
}

function argvOf(command: unknown): readonly [string, ...string[]] {
  const items: unknown[] = Array.isArray(command) ? command : [];
  const argv = items.filter((item): item is string => typeof item === 'string' && !item.includes('\0'));
  const [file, ...rest] = argv;
  if (file === undefined || file === '' || argv.length !== items.length)
    throw new Fault('agent_error', 'The command must be a list of texts that begins with a program.', {
      retryable: false,
    });
  return [file, ...rest];
}
