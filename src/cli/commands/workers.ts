import type { components } from '../../client/schema.generated.js';
import { ask } from '../ask.js';
import type { Context } from '../context.js';
import { ago, plain, statusOf } from '../terminal.js';

type Worker = components['schemas']['Worker'];

/** `miyabi workers invite`: the line to paste on another machine, which becomes a worker, or with `coordinator` runs several. */
export async function invite(
  { client, terminal }: Context,
  options: { uses?: number; expiresIn?: number; label?: string[]; coordinator?: boolean; workers?: number },
): Promise<void> {
  const { uses, expiresIn: expires_in, label: labels, workers } = options;
  const joins = options.coordinator === true || workers !== undefined ? { joins: 'coordinator' as const } : {};
  const body = {
    ...joins,
    ...{ ...(workers && { workers }), ...(uses && { uses }) },
    ...{ ...(expires_in && { expires_in }), ...(labels && { labels }) },
  };
  const made = await ask((await client()).POST('/api/v1/workers/join-tokens', { body }));
  if (terminal.asJson(made)) return;
  terminal.note(`Paste this on the other machine, until ${made.expires_at}. It needs Node.js 20 and git there.`);
  terminal.line(made.command);
}

/** `miyabi workers list` */
export async function listWorkers({ client, terminal }: Context, options: { limit: number }): Promise<void> {
  const page = await ask((await client()).GET('/api/v1/workers', { params: { query: { limit: options.limit } } }));
  if (terminal.asJson(page)) return;
  const head = ['NAME', 'STATUS', 'HEALTH', 'RUNNING', 'LABELS', 'VERSION', 'LAST CONTACT'];
  terminal.table(
    head,
    page.items.map((worker) => rowOf(terminal, worker)),
  );
}

const rowOf = (terminal: Context['terminal'], worker: Worker): string[] => [
  plain(worker.name),
  statusOf(terminal, worker.status),
  statusOf(terminal, worker.health),
  `${String(worker.active_tasks)}/${String(worker.capacity)}`,
  worker.labels.join(',') || '-',
  plain(worker.version ?? '-'),
  ago(worker.last_heartbeat),
];
