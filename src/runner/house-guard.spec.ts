import { HouseGuard } from './house-guard.js';

describe('HouseGuard', () => {
  let now: number;
  let guard: HouseGuard;
  beforeEach(() => {
    now = 0;
    guard = new HouseGuard(() => now);
  });
  const fail = (reason: Parameters<HouseGuard['count']>[0] = 'worktree'): boolean =>
    guard.count(reason, 'No such registry\nand more');

  it('stops the worker at the third failure of its own house in a row, and says why', () => {
    expect([fail('disk_full'), fail('git'), fail('agent_missing')]).toEqual([false, false, true]);
    expect(guard.note).toBe(
      'Paused by the worker itself: 3 failures of its own in a row (disk_full, git, agent_missing), the last one: No such registry',
    );
  });

  it.each([null, 'agent_error', 'timeout', 'merge_conflict'] as const)('begins to count anew after %s', (reason) => {
    expect([fail(), fail(), fail(reason), fail(), fail()]).toEqual([false, false, false, false, false]);
    expect(guard.note).toBeNull();
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
