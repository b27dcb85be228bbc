import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Rounds } from './rounds.js';

describe('Rounds', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('visit each once in a period, and not all at the same time', () => {
    const rounds = new Rounds(1000, 4);
    const visited: string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) rounds.join(() => void visited.push(name));
    expect(jest.getTimerCount()).toBe(1);
    jest.advanceTimersByTime(250);
    expect(visited).toEqual(['a', 'e']);
    jest.advanceTimersByTime(750);
    expect(visited).toEqual(['a', 'e', 'b', 'c', 'd']);
    jest.advanceTimersByTime(1000);
    expect(visited).toHaveLength(10);
  });

  it('leave out who has left, and need no timer when all have', () => {
    const rounds = new Rounds(1000, 2);
    const visited: string[] = [];
    const leaveA = rounds.join(() => void visited.push('a'));
    const leaveB = rounds.join(() => {
      visited.push('b');
      leaveB();
    });
    leaveA();
    jest.advanceTimersByTime(3000);
    expect(visited).toEqual(['b']);
    expect(jest.getTimerCount()).toBe(0);
    rounds.join(() => void visited.push('c'));
    jest.advanceTimersByTime(1000);
    expect(visited).toEqual(['b', 'c']);
  });
});
