// The rows of the picture: what the API tells of each task and its attempts.
import { PLAN } from './tasks.mjs';

const ENDS = { completed: 'completed', cancelled: 'cancelled', failed: 'failed', released: 'lost', lost: 'lost' };

/**
 * @param {import('./stage.mjs').Stage} stage
 * @param {import('./day.mjs').Chronicle} chronicle
 * @returns {Promise<import('./picture.mjs').Day['rows']>}
 */
export async function rowsOf(stage, { ids }) {
  const numbers = new Map((await stage.workers()).map(({ id }, at) => [id, at + 1]));
  return Promise.all(
    PLAN.map(async ({ name, after, status }) => {
      const task = await stage.person.get(`/tasks/${ids[name]}`);
      const { items } = await stage.person.get(`/tasks/${ids[name]}/executions`);
      const bars = items.map((attempt) => ({
        from: Date.parse(attempt.started_at),
        to: Date.parse(attempt.finished_at),
        label: `worker ${numbers.get(attempt.worker_id) ?? '?'}`,
        end: ENDS[attempt.status] ?? 'failed',
      }));
      const ends = bars.length > 0 ? bars.map(({ to }) => to) : [Date.parse(task.completed_at ?? task.updated_at)];
      const ended = Math.max(...ends);
      const note = status === 'skipped' ? `skipped with ${after.join(', ')}` : undefined;
      return { name, created: Date.parse(task.created_at), ended, bars, note };
    }),
  );
}
