import type { Task } from '../tasks/tasks.service.js';
import { type AttemptReport, outcomeFor } from './attempts.service.js';

const running = (fields: Partial<Task> = {}): Task =>
  ({
    status: 'running',
    retry_count: 0,
    max_retries: 3,
    attempts: 1,
    cancel_requested_at: null,
    error_message: null,
    ...fields,
  }) as Task;

const after = (report: AttemptReport, task = running()) => {
  const { outcome, type } = outcomeFor(task, report, { retry_base_seconds: 10 }, 1);
  return [outcome.status, type];
};

describe('where an attempt leaves its task', () => {
  const wanted = { cancel_requested_at: new Date() };

  it('follows what the worker says', () => {
    expect(after({ outcome: 'completed' })).toEqual(['completed', 'task.completed']);
    expect(after({ outcome: 'failed' })).toEqual(['pending', 'task.retried']);
    expect(after({ outcome: 'failed' }, running({ retry_count: 3 }))).toEqual(['failed', 'task.failed']);
    expect(after({ outcome: 'released' })).toEqual(['pending', 'task.retried']);
    expect(after({ outcome: 'cancelled' })).toEqual(['cancelled', 'task.cancelled']);
  });

  it('is cancelled when that was wished for, unless the work was done already', () => {
    expect(after({ outcome: 'completed' }, running(wanted))).toEqual(['completed', 'task.completed']);
    expect(after({ outcome: 'failed' }, running(wanted))).toEqual(['cancelled', 'task.cancelled']);
    expect(after({ outcome: 'released' }, running(wanted))).toEqual(['cancelled', 'task.cancelled']);
  });

  it('keeps the reason somebody gave for cancelling', () => {
    const { outcome } = outcomeFor(
      running({ ...wanted, error_message: 'not wanted' }),
      { outcome: 'cancelled', error_message: 'ended by signal' },
      { retry_base_seconds: 10 },
    );
    expect(outcome.error_message).toBe('not wanted');
  });

  it('gives a hint where the worker gives no message', () => {
    const { outcome } = outcomeFor(
      running(),
      { outcome: 'failed', failure_reason: 'timeout' },
      { retry_base_seconds: 1 },
    );
    expect(outcome).toMatchObject({ failure_reason: 'timeout', error_message: 'The attempt reached its time limit.' });
  });
});
