import { decide, type WorktreeFacts } from './worktree.policy.js';

const DONE: WorktreeFacts = {
  ...{ kind: 'linked', registered: false, running: false, locked: null, surrounds: null, occupied: null },
  ...{ hindered: null, problem: null, prunable: false, dirty: false, unpushed: false, merged: true, abandoned: false },
  ...{ unused_for_seconds: 100, would_lose: [], goes_along: [] },
};

it.each<[Partial<WorktreeFacts>, boolean, RegExp]>([
  [{}, true, /^nothing in it is uncommitted/],
  [{ unused_for_seconds: 99 }, false, /^it was used a short while ago$/],
  // More files than are looked at: that is no news of its use.
  [{ unused_for_seconds: null }, false, /^it is not known when it was used last: it has too many files$/],
  [{ prunable: true }, true, /^its directory is gone$/],
  [{ prunable: true, unused_for_seconds: 99 }, false, /^its directory is gone, though it was used a short while ago$/],
  [{ prunable: true, unused_for_seconds: null }, false, /^its directory is gone, though it is not known when/],
])('a clean-up of what was not used for 100 s decides by its use: %j', (facts, remove, because) => {
  const decision = decide({ ...DONE, ...facts }, 100);
  expect(decision).toEqual({ remove, because: expect.stringMatching(because) as string });
});
