import type { Task } from '../tasks/tasks.service.js';
import type { BudgetState } from '../tasks/usage.js';
import { type AttemptReport, judge, outcomeFor } from './attempt-outcome.js';

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

const rules = { retry_base_seconds: 10, budget: null };

const after = (report: AttemptReport, task = running(), budget: BudgetState = null) => {
  const { outcome, type } = outcomeFor(task, report, { ...rules, budget }, 1);
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
      rules,
    );
    expect(outcome.error_message).toBe('not wanted');
  });

  it('gives a hint where the worker gives no message', () => {
    const { outcome } = outcomeFor(running(), { outcome: 'failed', failure_reason: 'timeout' }, rules);
    expect(outcome).toMatchObject({ failure_reason: 'timeout', error_message: 'The attempt reached its time limit.' });
  });

  it('is failed by policy when the budget is used up and another attempt would follow', () => {
    const reports: AttemptReport[] = [
      { outcome: 'failed', failure_reason: 'agent_error' },
      { outcome: 'failed', failure_reason: 'rate_limited' },
      { outcome: 'released' },
    ];
    for (const report of reports) {
      expect(after(report, running(), 'near')).toEqual(['pending', 'task.retried']);
      for (const budget of ['spent', 'exceeded'] as const) {
        expect(after(report, running(), budget)).toEqual(['failed', 'task.failed']);
        expect(outcomeFor(running(), report, { ...rules, budget }).outcome.failure_reason).toBe('policy');
      }
    }
    expect(after({ outcome: 'completed' }, running(), 'exceeded')).toEqual(['completed', 'task.completed']);
    expect(after({ outcome: 'failed' }, running(wanted), 'exceeded')).toEqual(['cancelled', 'task.cancelled']);
    const last = { outcome: 'failed', failure_reason: 'auth', error_message: 'No key.' } as const;
    expect(outcomeFor(running(), last, { ...rules, budget: 'spent' }).outcome).toMatchObject({
      status: 'failed',
      failure_reason: 'auth',
      error_message: 'No key.',
    });
  });
});

describe('an attempt that its budget was to end', () => {
  const lease = { cancel_reason: 'policy' };

  it('failed by policy, whatever its worker says but that the work is done', () => {
    for (const outcome of ['failed', 'cancelled', 'released'] as const)
      expect(judge({ outcome, retryable: true, error_message: 'Ended.' }, lease)).toMatchObject({
        outcome: 'failed',
        failure_reason: 'policy',
        error_message: 'The budget of the task is used up. Ended.',
        retryable: false,
      });
    const done = { outcome: 'completed', result: {} } as const;
    expect(judge(done, lease)).toBe(done);
  });

  it('is what its worker says when somebody else wished for the end', () => {
    const report = { outcome: 'cancelled' } as const;
    expect(judge(report, { cancel_reason: null })).toBe(report);
  });
});
