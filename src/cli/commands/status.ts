import type { components } from '../../client/schema.generated.js';
import { ask, reach } from '../ask.js';
import type { Context } from '../context.js';
import { CommandFailed, EXIT } from '../exits.js';
import { duration, statusOf } from '../terminal.js';

const MOST_WORKERS = 100;

/** `miyabi status`: the server, the workers, the queue. */
export async function status({ session, client, terminal }: Context): Promise<void> {
  const api = await client();
  const { data, error } = await reach(api.GET('/api/v1/health'));
  // A server without its database says so in the same words.
  const health = data ?? (error as components['schemas']['Health']);
  if (health.status === 'down') {
    if (!terminal.asJson({ health, workers: null, tasks: null })) terminal.line('The server has lost its database.');
    throw new CommandFailed('The database of the server is out of reach.', EXIT.unreachable);
  }
  const query = { limit: MOST_WORKERS };
  const [workers, tasks] = await Promise.all([
    ask(api.GET('/api/v1/workers', { params: { query } })),
    ask(api.GET('/api/v1/tasks/stats')),
  ]);
  if (terminal.asJson({ health, workers: workers.items, tasks })) return;
  const more = workers.next_cursor === null ? '' : ' or more';
  terminal.facts([
    ['server', `${await session.url()}  ${statusOf(terminal, health.status)}, version ${health.version}`],
    ['up for', duration(health.uptime_seconds)],
    [
      'workers',
      `${String(workers.items.length)}${more}: ${counted(workers.items.map(({ health: one }) => one)) || 'none'}`,
    ],
    ['running', `${String(tasks.running)} of ${String(capacityOf(workers.items))} places`],
    [
      'queue',
      `${String(tasks.pending)} pending${waitOf(tasks.oldest_pending_seconds)}, ${String(tasks.blocked)} blocked`,
    ],
    [
      'ended',
      `${String(tasks.completed)} completed, ${String(tasks.failed)} failed, ${String(tasks.cancelled)} cancelled, ${String(tasks.skipped)} skipped`,
    ],
  ]);
}

const capacityOf = (workers: readonly components['schemas']['Worker'][]): number =>
  workers.filter(({ status: is }) => is === 'active').reduce((sum, { capacity }) => sum + capacity, 0);

const waitOf = (seconds: number | null): string => (seconds === null ? '' : ` (the oldest for ${duration(seconds)})`);

/** `2 healthy, 1 unhealthy` */
function counted(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${String(count)} ${word}`).join(', ');
}
