import { FAILURE_REASONS, readFailureReason } from './failure-reasons.js';
import { decideRetry, type FailedAttempt } from './task.retry.js';

const attempt = (fields: Partial<FailedAttempt> = {}): FailedAttempt => ({
  reason: 'agent_error',
  retry_count: 0,
  max_retries: 3,
  attempts: 1,
  ...fields,
});

const delays = (from: Partial<FailedAttempt>) =>
  [0, 1, 2, 3, 8, 12].map(
    (retry_count) => decideRetry(attempt({ ...from, retry_count, max_retries: 25 }), 10, 1).delay_seconds,
  );

describe('whether a task gets another attempt', () => {
  it('backs off from ten seconds, doubling up to an hour', () => {
    expect(delays({})).toEqual([10, 20, 40, 80, 2560, 3600]);
  });

  it('spreads the delay over its whole length', () => {
    const at = (random: number) => decideRetry(attempt({ retry_count: 1 }), 10, random).delay_seconds;
    expect([at(0), at(0.5), at(0.999)]).toEqual([0, 10, 19.98]);
  });

  it('counts up to the limit and then fails', () => {
    expect(decideRetry(attempt({ retry_count: 2 }), 10, 0)).toMatchObject({ retry: true, retry_count: 3 });
    expect(decideRetry(attempt({ retry_count: 3 }), 10, 0)).toMatchObject({ retry: false, retry_count: 3 });
    expect(decideRetry(attempt({ max_retries: 0 }), 10, 0)).toMatchObject({ retry: false, retry_count: 0 });
  });

  it('does not wait for a worker that was lost the first time, but does after that', () => {
    expect(delays({ reason: 'worker_lost' }).slice(0, 3)).toEqual([0, 20, 40]);
  });

  it("never counts what is nobody's fault, and waits a minute, doubling up to a quarter of an hour", () => {
    const limited = (attempts: number) =>
      decideRetry(attempt({ reason: 'rate_limited', retry_count: 3, attempts }), 10, 1);
    expect([4, 5, 6, 7, 8, 9].map((attempts) => limited(attempts).delay_seconds)).toEqual([
      60, 120, 240, 480, 900, 900,
    ]);
    expect(limited(9)).toMatchObject({ retry: true, retry_count: 3 });
  });

  it('takes the time a worker asks for when it is later', () => {
    expect(decideRetry(attempt({ retry_after_seconds: 500 }), 10, 1).delay_seconds).toBe(500);
    expect(decideRetry(attempt({ retry_after_seconds: 1 }), 10, 1).delay_seconds).toBe(10);
    expect(decideRetry(attempt({ reason: 'quota', retry_after_seconds: 7 }), 10, 1).delay_seconds).toBe(7);
  });

  it('takes the word of the worker over that of the reason', () => {
    expect(decideRetry(attempt({ retryable: false }), 10, 1).retry).toBe(false);
    expect(decideRetry(attempt({ reason: 'policy' }), 10, 1).retry).toBe(false);
    expect(decideRetry(attempt({ reason: 'policy', retryable: true }), 10, 1).retry).toBe(true);
  });

  it('never goes beyond the budget, whatever the reason and however often', () => {
    for (const reason of FAILURE_REASONS) {
      let state = attempt({ reason, max_retries: 2, retryable: true });
      for (let round = 1; round < 50; round++) {
        const decision = decideRetry({ ...state, attempts: round }, 10, 1);
        expect(decision.retry_count).toBeLessThanOrEqual(2);
        expect(decision.delay_seconds).toBeLessThanOrEqual(3600);
        state = { ...state, retry_count: decision.retry_count };
      }
    }
  });
});

describe('the reason of a failure', () => {
  it('is unknown when this server does not know it', () => {
    expect([readFailureReason('timeout'), readFailureReason('toString'), readFailureReason(undefined)]).toEqual([
      'timeout',
      'unknown',
      'unknown',
    ]);
  });
});
