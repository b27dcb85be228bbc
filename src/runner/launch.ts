import { readerOf } from './agent-stream.js';
import { Fault } from './fault.js';
import type { Grant } from './protocol.js';
import type { StreamReader } from './stream-news.js';

/** How the work of an execution is done. */
export type Launch = { readonly kind: 'note' } | ProcessLaunch;

/** A program to be started. */
export interface ProcessLaunch {
  readonly kind: 'process';
  readonly argv: readonly [string, ...string[]];
  /** How its output is read as events; null for output that is its log as it is. */
  readonly reader: StreamReader | null;
  /** Whether it goes on with an earlier session, which may not be there. */
  readonly resumes: boolean;
}

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
  'previous.session_id': grant.previous?.session_id ?? null,
  'previous.branch': grant.previous?.branch ?? null,
  model: grant.model,
});

/** What it starts; empty for a builtin agent, whose program, if any, the task chooses. */
export const programOf = ({ agent }: Grant): string =>
  agent.launch.mode === 'builtin' ? '' : (agent.launch.command[0] ?? '');

/** An item that names a model is for tasks that want one. */
const MODEL = /\{\{\s*model\s*\}\}/;

/** Throws a Fault when the claim cannot be launched. With `anew` an earlier session is not gone on with. */
export function launchOf(grant: Grant, anew = false): Launch {
  const { command, resume, mode } = grant.agent.launch;
  if (mode !== 'builtin') {
    const session = anew ? null : (grant.previous?.session_id ?? null);
    const resumes = session !== null && resume !== undefined;
    const items = (resumes ? resume : command).filter((item) => grant.model !== null || !MODEL.test(item));
    const argv = argvOf(items.map((item) => fill(item, placeholders(grant))));
    return { kind: 'process', argv, reader: mode === 'stream-json' ? readerOf(items) : null, resumes };
  }
  if (command[0] === 'note') return { kind: 'note' };
  if (command[0] === 'script') {
    const argv = argvOf(grant.task.metadata['command']);
    return { kind: 'process', argv, reader: null, resumes: false };
  }
  throw new Fault('agent_missing', `This worker has no builtin agent ${JSON.stringify(command[0] ?? '')}.`, {
    blame: 'task',
  });
}

/** One item stays one item, whatever is filled in: nothing splits it, and what was filled in is not looked at again. */
export function fill(item: string, values: Readonly<Record<string, string | number | null>>): string {
  const filled = item.replaceAll(PLACEHOLDER, (whole: string, name: string) => {
    if (!Object.hasOwn(values, name))
      throw new Fault('agent_missing', `The agent's command names ${whole}, which does not exist.`, {
        retryable: false,
        blame: 'task',
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
