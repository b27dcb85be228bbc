import { Partings } from './partings.js';

type History = Record<string, string[]>;

/** All that is reached from a commit, itself included. */
function reachedFrom(history: History, tip: string): Set<string> {
  const reached = new Set<string>();
  const waiting = [tip];
  for (let sha = waiting.pop(); sha !== undefined; sha = waiting.pop()) {
    if (reached.has(sha)) continue;
    reached.add(sha);
    waiting.push(...(history[sha] ?? []));
  }
  return reached;
}

function counted(history: History, base: string, tip: string): { ahead: number; behind: number } {
  const [ofBase, ofTip] = [reachedFrom(history, base), reachedFrom(history, tip)];
  const only = (some: Set<string>, others: Set<string>): number => [...some].filter((sha) => !others.has(sha)).length;
  return { ahead: only(ofTip, ofBase), behind: only(ofBase, ofTip) };
}

/** Numbers that look random and are the same each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

/** Children are before their parents, as they are in the object. */
function madeUp(seed: number): History {
  const next = numbers(seed);
  const count = 60;
  return Object.fromEntries(
    Array.from({ length: count }, (_, at) => {
      const parents = Array.from({ length: next(3) }, () => at + 1 + next(6)).filter((parent) => parent < count);
      return [`c${String(at)}`, [...new Set(parents)].map((parent) => `c${String(parent)}`)];
    }),
  );
}

it.each([1, 2, 3, 4, 5, 6, 7, 8])('count what one has and the other has not, in history %i', (seed) => {
  const history = madeUp(seed);
  const next = numbers(seed + 100);
  const tips = [...new Set(Array.from({ length: 40 }, () => `c${String(next(60))}`))];
  const partings = new Partings(tips);
  let steps = 0;
  for (const [sha, parents] of Object.entries(history)) {
    // What is known before the end is right already.
    for (const [tip, told] of partings.result(false))
      if (told !== null) expect([tip, told]).toEqual([tip, counted(history, tips[0] ?? '', tip)]);
    if (partings.isOver) break;
    partings.add(sha, parents);
    steps += 1;
  }
  expect(steps).toBeGreaterThan(0);
  for (const [tip, told] of partings.result(true))
    expect([tip, told]).toEqual([tip, counted(history, tips[0] ?? '', tip)]);
});

it('end where the histories have come together', () => {
  const partings = new Partings(['main', 'branch']);
  partings.add('branch', ['two']);
  partings.add('main', ['two']);
  expect(partings.isOver).toBe(true);
  expect(partings.result(false).get('branch')).toEqual({ ahead: 1, behind: 1 });
});

it('tell of those that have come together while others have not', () => {
  const partings = new Partings(['main', 'near', 'far']);
  partings.add('near', ['two']);
  partings.add('main', ['two']);
  expect(partings.result(false).get('near')).toEqual({ ahead: 1, behind: 1 });
  expect(partings.result(false).get('far')).toBeNull();
});

it('are nothing where there is one commit alone', () => {
  const partings = new Partings(['main']);
  expect([partings.isOver, partings.result(false).get('main')]).toEqual([true, { ahead: 0, behind: 0 }]);
});
