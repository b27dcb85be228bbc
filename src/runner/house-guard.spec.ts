import { HouseGuard, type Failure } from './house-guard.js';

describe('HouseGuard', () => {
  let now: number;
  let guard: HouseGuard;
  beforeEach(() => {
    now = 0;
    guard = new HouseGuard(() => now);
  });
  const fail = (reason: Failure['reason'] = 'worktree', more: Partial<Failure> = { blame: 'worker' }): boolean =>
    guard.count({ reason, message: 'No such registry\nand more', of: 'one', ...more });

  it('stops the worker at the third failure of its own house in a row, and says why', () => {
    expect([fail('disk_full'), fail('git'), fail('agent_missing')]).toEqual([false, false, true]);
    expect(guard.note).toBe(
      'Paused by the worker itself: 3 failures of its own in a row (disk_full, git, agent_missing), the last one: No such registry',
    );
  });

  it.each(['agent_error', 'timeout', 'merge_conflict'] as const)('begins to count anew after %s', (reason) => {
    expect([fail(), fail(), fail(reason), fail(), fail()]).toEqual([false, false, false, false, false]);
    expect(guard.note).toBeNull();
  });

  it('begins to count anew after what did not fail', () => {
    expect([fail(), fail(), guard.count(null), fail(), fail()]).toEqual([false, false, false, false, false]);
  });

  it('counts nothing that a task or its repository brought about, and lets none of it hide what it did itself', () => {
    const ofTask = (): boolean => fail('worktree', { blame: 'task' });
    expect([ofTask(), ofTask(), ofTask(), ofTask()]).toEqual([false, false, false, false]);
    expect([fail(), ofTask(), fail(), ofTask(), fail()]).toEqual([false, false, false, false, true]);
  });

  it('takes what may be either for its own once more than one repository, or organization, meets it', () => {
    const of = (name: string): boolean => fail('auth', { of: name });
    expect([of('a'), of('a'), of('a'), of('a')]).toEqual([false, false, false, false]);
    expect(of('b')).toBe(true);
  });

  it('forgets what is five minutes old', () => {
    fail();
    fail();
    now = 5 * 60_000;
    expect(fail()).toBe(false);
    now += 1;
    expect([fail(), fail()]).toEqual([false, true]);
  });

  it('leaves the pause to the server once that has it, and tries again where it has not', () => {
    for (let count = 0; count < 3; count++) fail();
    guard.handOver();
    expect(guard.note).toBeNull();
    for (let count = 0; count < 3; count++) fail();
    now = 15 * 60_000 - 1;
    expect(guard.note).not.toBeNull();
    now += 1;
    expect(guard.note).toBeNull();
  });
});
