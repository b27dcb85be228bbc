import { setTimeout as sleep } from 'node:timers/promises';
import type { MiyabiClient } from '../../client/client.js';
import type { components } from '../../client/schema.generated.js';
import { ask, reach, refusal } from '../ask.js';
import type { Context } from '../context.js';
import { eventsOf } from '../event-stream.js';
import { CommandFailed, EXIT } from '../exits.js';
import { plain } from '../terminal.js';
import { isFinal } from './task-states.js';

type Entry = components['schemas']['ExecutionLogEntry'];

const PAGE = 1000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;
/** How long an attempt that has not begun is waited for before it is looked for again. */
const LOOK_MS = 1000;
/** Tries in a row without an answer after which somebody who follows is told that the server is away. */
const MOST_TRIES = 30;

/** `miyabi logs <execution or task> [-f]`: what is stored; with `-f` also what is said until the end. */
export async function logs(context: Context, id: string, { follow }: { follow?: boolean }): Promise<void> {
  const api = await context.client();
  const execution = await api.GET('/api/v1/executions/{id}', { params: { path: { id } } }).catch(() => null);
  if (execution?.data !== undefined) {
    await (follow ? stream(context, api, id) : print(context, api, id));
    return;
  }
  await (follow ? followTask(context, api, id) : printTask(context, api, id));
}

/** The last attempt at the task. */
async function printTask(context: Context, api: MiyabiClient, id: string): Promise<void> {
  const query = { task_id: id, limit: 1 };
  const task = await ask(api.GET('/api/v1/tasks/{id}', { params: { path: { id } } }));
  const { items } = await ask(api.GET('/api/v1/executions', { params: { query } }));
  const [last] = items;
  if (last === undefined)
    throw new CommandFailed(
      `Nobody has begun with it yet: it is ${task.status}.`,
      EXIT.refused,
      `\`miyabi tasks explain ${id}\` says why.`,
    );
  await print(context, api, last.id);
}

/** Every attempt from the present one on, until the task is done. */
async function followTask(context: Context, api: MiyabiClient, id: string): Promise<void> {
  const { terminal, signal } = context;
  const seen = new Set<string>();
  for (;;) {
    const task = await ask(api.GET('/api/v1/tasks/{id}', { params: { path: { id } } }));
    const { items } = await ask(api.GET('/api/v1/executions', { params: { query: { task_id: id, limit: 1 } } }));
    const [last] = items;
    if (last !== undefined && !seen.has(last.id)) {
      if (seen.size > 0) terminal.note(`Attempt ${String(last.attempt)}.`);
      seen.add(last.id);
      await stream(context, api, last.id);
    } else if (isFinal(task.status)) return;
    else {
      if (seen.size === 0 && terminal.isWatched) terminal.note(`It is ${task.status}; waiting for it to begin.`);
      await sleep(LOOK_MS, undefined, { signal });
    }
  }
}

async function print(context: Context, api: MiyabiClient, id: string): Promise<void> {
  for (let after = -1; ;) {
    const params = { path: { id }, query: { after, limit: PAGE } };
    const page = await ask(api.GET('/api/v1/executions/{id}/logs', { params }));
    page.items.forEach((entry) => show(context, entry));
    if (page.items.length < PAGE) return;
    after = page.next_after;
  }
}

/** Goes on behind the last entry when the connection breaks, as often as it does. */
async function stream(context: Context, api: MiyabiClient, id: string): Promise<void> {
  let last: string | null = null;
  for (let tries = 0; ; tries += 1) {
    const end = await read(context, api, id, last, (seq) => {
      last = seq;
      tries = 0;
    });
    if (end === 'finished' || end === 'removed') return;
    if (end === 'signed-out' || end === 'forbidden')
      throw new CommandFailed('The stream has ended: you may not read this any more.', EXIT.signedOut);
    if (tries >= MOST_TRIES) throw new CommandFailed('The server does not answer any more.', EXIT.unreachable);
    await sleep(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries), undefined, { signal: context.signal });
  }
}

/** One connection; answers why it ended, null when it broke. */
async function read(
  context: Context,
  api: MiyabiClient,
  id: string,
  last: string | null,
  onEntry: (seq: string) => void,
): Promise<string | null> {
  const { signal } = context;
  try {
    const { data, error, response } = await reach(
      api.GET('/api/v1/executions/{id}/logs/stream', {
        params: { path: { id }, ...(last !== null && { header: { 'Last-Event-ID': last } }) },
        parseAs: 'stream',
        signal,
      }),
    );
    if (!response.ok) throw refusal(response.status, error);
    for await (const { event, id: seq, data: text } of eventsOf(data as unknown as ReadableStream<Uint8Array>)) {
      if (event === 'end') return (JSON.parse(text) as { reason?: string }).reason ?? 'finished';
      if (event !== 'message') continue;
      show(context, JSON.parse(text) as Entry);
      if (seq !== null) onEntry(seq);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CommandFailed && error.exit !== EXIT.unreachable) throw error;
  }
  return null;
}

function show({ terminal }: Context, entry: Entry): void {
  // One object a line, so that a program can read along.
  if (terminal.json) return terminal.line(JSON.stringify(entry));
  const text = plain(entry.message);
  const style = { error: 'red', warn: 'yellow', debug: 'dim' }[entry.level as string] as 'red' | undefined;
  const isOwn = entry.stream === 'system';
  terminal.line(style !== undefined ? terminal.styled(style, text) : isOwn ? terminal.styled('dim', text) : text);
}
