import { checkTaskMoves, INITIAL_STATES, isFinal, mayMove, TASK_MOVES, TASK_STATES } from './task.states.js';

describe('the states of a task', () => {
  it('can all be reached', () => {
    expect(() => checkTaskMoves()).not.toThrow();
  });

  it('are not accepted when no move leads to one of them', () => {
    const without = TASK_MOVES.filter((move) => move.to !== 'skipped');
    expect(() => checkTaskMoves(without)).toThrow('no move leads to skipped');
  });

  it('are not accepted when a move names one that is unknown', () => {
    const wrong = { from: 'pending', to: 'paused', when: '' } as unknown as (typeof TASK_MOVES)[number];
    expect(() => checkTaskMoves([...TASK_MOVES, wrong])).toThrow('unknown state');
  });

  it('are final when only a retry leads on', () => {
    expect(TASK_STATES.filter(isFinal)).toEqual(['completed', 'failed', 'cancelled', 'skipped']);
    for (const { from, when } of TASK_MOVES) if (isFinal(from)) expect(when).toContain('retr');
  });

  it('begin where nothing has happened yet', () => {
    expect([...INITIAL_STATES].sort()).toEqual(['blocked', 'pending']);
  });

  it('never lead out of completed, nor into running but by a claim', () => {
    expect(TASK_STATES.filter((state) => mayMove('completed', state))).toEqual([]);
    expect(TASK_STATES.filter((state) => mayMove(state, 'running'))).toEqual(['pending']);
  });
});
