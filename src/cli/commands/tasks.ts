import { randomUUID } from 'node:crypto';
import { text as readAll } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { components } from '../../client/schema.generated.js';
import { ask } from '../ask.js';
import type { Context } from '../context.js';
import { CommandFailed, EXIT } from '../exits.js';
import { ago, plain, statusOf } from '../terminal.js';
import { isFinal } from './task-states.js';

type Task = components['schemas']['Task'];
type CreateTask = components['schemas']['CreateTask'];

const WAIT_SECONDS = 25;
const MOST_TRIES = 5;
const RETRY_MS = 500;

export interface ListOptions {
  status?: Task['status'][];
  repository?: string;
  agentType?: string;
  limit: number;
  cursor?: string;
}

/** `miyabi tasks list` */
export async function listTasks({ client, terminal }: Context, options: ListOptions): Promise<void> {
  const { status, repository, agentType, limit, cursor } = options;
  const query = {
    limit,
    ...(status && { status }),
    ...(cursor && { cursor }),
    ...(repository && { repository_id: repository }),
    ...(agentType && { agent_type: agentType }),
  };
  const page = await ask((await client()).GET('/api/v1/tasks', { params: { query } }));
  if (terminal.asJson(page)) return;
  const head = ['ID', 'STATUS', 'PRIORITY', 'AGENT', 'CREATED', 'NAME'];
  terminal.table(
    head,
    page.items.map((task) => [
      task.id,
      statusOf(terminal, task.status),
      task.priority,
      plain(task.agent_type),
      ago(task.created_at),
      plain(task.name),
    ]),
  );
  if (page.next_cursor !== null) terminal.note(`There are more: --cursor ${page.next_cursor}`);
}

export interface CreateOptions {
  description?: string;
  repository?: string;
  agentType?: string;
  priority?: CreateTask['priority'];
  label?: string[];
  dependsOn?: string[];
  baseRef?: string;
  maxRetries?: number;
  timeout?: number;
  metadata?: string;
  wait?: boolean;
}

/** `miyabi tasks create <name>`; with `--wait` it ends when the task does, and fails when that failed. */
export async function createTask(context: Context, name: string, options: CreateOptions): Promise<void> {
  const { client, terminal } = context;
  const body = await bodyOf(name, options);
  const api = await client();
  // The key makes a second try harmless: an answer that got lost is given again.
  const params = { header: { 'Idempotency-Key': randomUUID() } };
  const task = await patiently(context, () => ask(api.POST('/api/v1/tasks', { params, body })));
  if (options.wait) {
    if (terminal.isWatched) terminal.note(`Created ${task.id}; waiting for its end.`);
    await finish(context, task.id);
  } else if (!terminal.asJson(task)) terminal.line(task.id);
}

/** `miyabi tasks show <id>`; with `--wait` when it has ended. */
export async function showTask(context: Context, id: string, { wait }: { wait?: boolean }): Promise<void> {
  if (wait) return finish(context, id);
  present(context, await ask((await context.client()).GET('/api/v1/tasks/{id}', { params: { path: { id } } })));
}

/** `miyabi tasks cancel <id>` */
export async function cancelTask(
  { client, terminal }: Context,
  id: string,
  { reason }: { reason?: string },
): Promise<void> {
  const body = reason === undefined ? {} : { reason };
  const task = await ask((await client()).POST('/api/v1/tasks/{id}/cancel', { params: { path: { id } }, body }));
  if (terminal.asJson(task)) return;
  terminal.line(isFinal(task.status) ? `It is ${task.status}.` : 'It is asked to end; the worker says when it has.');
}

/** `miyabi tasks retry <id>` */
export async function retryTask({ client, terminal }: Context, id: string): Promise<void> {
  const task = await ask((await client()).POST('/api/v1/tasks/{id}/retry', { params: { path: { id } } }));
  if (!terminal.asJson(task)) terminal.line(`It is ${task.status} again.`);
}

/** `miyabi tasks explain <id>`: why it is not running, or how it ended. */
export async function explainTask({ client, terminal }: Context, id: string): Promise<void> {
  const found = await ask((await client()).GET('/api/v1/tasks/{id}/explain', { params: { path: { id } } }));
  if (terminal.asJson(found)) return;
  const place = found.queue_position === null ? '' : `, number ${String(found.queue_position)} of its queue`;
  terminal.line(`${statusOf(terminal, found.status)}${place}`);
  for (const { code, detail } of found.reasons) terminal.line(`  ${terminal.styled('dim', code)}  ${plain(detail)}`);
}

async function bodyOf(name: string, options: CreateOptions): Promise<CreateTask> {
  const { description, repository, agentType, priority, label, dependsOn, baseRef, maxRetries, timeout, metadata } =
    options;
  return {
    name,
    ...(description !== undefined && { description: description === '-' ? await readAll(process.stdin) : description }),
    ...(repository !== undefined && { repository_id: repository }),
    ...(agentType !== undefined && { agent_type: agentType }),
    ...(priority !== undefined && { priority }),
    ...(label !== undefined && { required_labels: label }),
    ...(dependsOn !== undefined && { depends_on: dependsOn }),
    ...(baseRef !== undefined && { base_ref: baseRef }),
    ...(maxRetries !== undefined && { max_retries: maxRetries }),
    ...(timeout !== undefined && { timeout_seconds: timeout }),
    ...(metadata !== undefined && { metadata: objectOf(metadata) }),
  };
}

function objectOf(text: string): Record<string, never> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, never>;
  } catch {
    // Told below, like any other value that is no object.
  }
  throw new CommandFailed('--metadata takes a JSON object, such as \'{"ticket": 7}\'.', EXIT.usage);
}

/** Waits for the end. Throws CommandFailed unless it completed. */
async function finish(context: Context, id: string): Promise<void> {
  const api = await context.client();
  for (;;) {
    context.signal.throwIfAborted();
    const params = { path: { id }, query: { wait_seconds: WAIT_SECONDS, until: 'final' as const } };
    const task = await patiently(context, () => ask(api.GET('/api/v1/tasks/{id}', { params, signal: context.signal })));
    if (!isFinal(task.status)) continue;
    present(context, task);
    if (task.status === 'completed') return;
    throw new CommandFailed(`The task is ${task.status}.`, EXIT.refused);
  }
}

/** A server that is restarted is away for a moment. */
async function patiently<T>({ signal }: Context, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const isAway = error instanceof CommandFailed && error.exit === EXIT.unreachable;
      if (!isAway || tries >= MOST_TRIES) throw error;
      await sleep(RETRY_MS * tries, undefined, { signal });
    }
  }
}

function present({ terminal }: Context, task: Task): void {
  if (terminal.asJson(task)) return;
  terminal.facts([
    ['id', task.id],
    ['name', plain(task.name)],
    ['status', statusOf(terminal, task.status)],
    ['agent', plain(task.agent_type)],
    ['priority', task.priority],
    ['repository', task.repository_id ?? '-'],
    ['created', ago(task.created_at)],
    ['retries', `${String(task.retry_count)} of ${String(task.max_retries)}`],
    ...(task.failure_reason === null
      ? []
      : [['failed', `${task.failure_reason}: ${plain(task.error_message ?? '')}`] as const]),
    ...(task.result === null ? [] : [['result', JSON.stringify(task.result)] as const]),
  ]);
}
