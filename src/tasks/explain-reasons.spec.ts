import {
  reasonsOfBudget,
  reasonsToBlock,
  reasonsToEnd,
  reasonsToSkip,
  reasonsToWaitForKey,
} from './explain-reasons.js';
import type { Task } from './task.entity.js';

const task = (fields: Partial<Task>): Task =>
  ({
    usage: null,
    max_cost_usd: null,
    max_tokens: null,
    error_message: null,
    failure_reason: null,
    retry_count: 0,
    max_retries: 3,
    current_execution_id: null,
    ...fields,
  }) as Task;

const usage = {
  input_tokens: 10,
  output_tokens: 20,
  cache_read_tokens: 30,
  cache_write_tokens: 40,
  cost_usd: 2.5,
  cost_source: 'reported' as const,
};
const codes = (reasons: readonly { code: string }[]): string[] => reasons.map(({ code }) => code);

describe('the reasons for where a task is', () => {
  it('are its unfinished dependencies, those first that nothing but somebody will mend', () => {
    const dependencies = [
      { id: '1', name: 'done', status: 'completed' as const },
      { id: '2', name: 'runs', status: 'running' as const },
      { id: '3', name: 'broke', status: 'failed' as const },
    ];
    expect(reasonsToBlock(dependencies).map(({ code, name }) => [code, name])).toEqual([
      ['dependency-ended', 'broke'],
      ['dependency-unfinished', 'runs'],
    ]);
    expect(codes(reasonsToSkip(dependencies))).toEqual(['dependency-ended']);
    expect(codes(reasonsToSkip(dependencies.slice(0, 2)))).toEqual(['dependency-unfinished']);
    expect(codes(reasonsToSkip([]))).toEqual(['dependency-gone']);
  });

  it('are the key that another one holds, the time that has not come, or both', () => {
    const wait = { key: 'k', holder_id: '1', run_at: new Date(0), ready: true };
    const holder = { id: '1', name: 'Deploy', status: 'running' as const };
    expect(codes(reasonsToWaitForKey(wait, holder))).toEqual(['waits-for-key']);
    expect(codes(reasonsToWaitForKey({ ...wait, ready: false }, holder))).toEqual(['scheduled', 'waits-for-key']);
    expect(codes(reasonsToWaitForKey({ ...wait, ready: false, holder_id: null }, null))).toEqual(['scheduled']);
    expect(reasonsToWaitForKey({ ...wait, holder_id: null }, null)[0]?.detail).toContain('is free');
  });

  it('are a budget only once it is used up', () => {
    expect(reasonsOfBudget(task({ max_cost_usd: '1.000000', max_tokens: '1' }))).toEqual([]);
    expect(reasonsOfBudget(task({ usage, max_cost_usd: '2.500001', max_tokens: '101' }))).toEqual([]);
    expect(reasonsOfBudget(task({ usage, max_cost_usd: '2.500000', max_tokens: '100' }))).toMatchObject([
      { code: 'budget', used: 2.5, max_cost_usd: 2.5 },
      { code: 'budget', used: 100, max_tokens: 100 },
    ]);
    expect(codes(reasonsOfBudget(task({ usage: { ...usage, cost_usd: null }, max_cost_usd: '0.100000' })))).toEqual([]);
  });

  it('are at its end the reason of the last attempt, said once, and whether a retry was left', () => {
    const end = (fields: Partial<Task>) => reasonsToEnd(task({ status: 'failed', ...fields }))[0]?.detail;
    expect(
      end({ failure_reason: 'timeout', error_message: 'The attempt reached its time limit.', retry_count: 3 }),
    ).toBe('The attempt reached its time limit. No retry is left of 3.');
    expect(end({})).toBe('The worker gave no reason that this server knows. No retry would help.');
    expect(reasonsToEnd(task({ status: 'cancelled' }))[0]?.detail).toBe('It was cancelled.');
    expect(codes(reasonsToEnd(task({ status: 'completed' })))).toEqual(['completed']);
  });
});
