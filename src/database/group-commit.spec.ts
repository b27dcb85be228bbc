import { describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Database } from './database.js';
import { DatabaseUnavailable } from './database.errors.js';
import { GroupCommit } from './group-commit.js';

const outside = { isInTransaction: false } as Database;
const within = { isInTransaction: true } as Database;

/** Even numbers wait for company. */
interface Patience {
  milliseconds: number;
  isPatient: (item: number) => boolean;
}

/** A group that doubles numbers, and what batches it had; 13 spoils the batch it is in. */
function doubling(
  settings: { limit?: number; width?: number; keysOf?: (item: number) => string[]; patience?: Patience } = {},
  on = outside,
) {
  const batches: number[][] = [];
  const gates: (() => void)[] = [];
  const group = new GroupCommit<number, number>(on, {
    limit: 10,
    width: 1,
    ...settings,
    runAll: async (items) => {
      batches.push([...items]);
      await new Promise<void>((resolve) => gates.push(resolve));
      if (items.includes(13)) throw new Error('thirteen');
      return items.map((item) => (item < 0 ? new Error(`${String(item)} is negative`) : item * 2));
    },
  });
  /** Lets what is under way, and what follows it, end. */
  const open = async (): Promise<void> => {
    for (let quiet = 0; quiet < 5; quiet += 1) {
      await new Promise(setImmediate);
      if (gates.length > 0) quiet = 0;
      gates.splice(0).forEach((gate) => gate());
    }
  };
  return { group, batches, open };
}

describe('group commit', () => {
  it('does at once what comes in one turn, and what comes meanwhile with the next batch', async () => {
    const { group, batches, open } = doubling();
    const early = [1, 2].map((item) => group.run(item));
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    const late = [3, 4].map((item) => group.run(item));
    await open();
    expect(await Promise.all([...early, ...late])).toEqual([2, 4, 6, 8]);
    expect(batches).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  /** Waits for the end of what a timer begins. */
  const ended = async <T>(work: Promise<T>, open: () => Promise<void>): Promise<T> => {
    let done = false;
    void work.then(() => (done = true));
    while (!done) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      await open();
    }
    return work;
  };

  /** One that waits for company, and that comes alone: it goes at once. */
  const alone = async (group: GroupCommit<number, number>, open: () => Promise<void>): Promise<void> => {
    expect(await ended(group.run(0), open)).toBe(0);
  };

  const evenWait = (milliseconds: number): Patience => ({ milliseconds, isPatient: (item) => item % 2 === 0 });

  it('has those that wait for company wait for each other', async () => {
    const { group, batches, open } = doubling({ patience: evenWait(50) });
    await alone(group, open);
    const first = group.run(2);
    await open();
    const second = group.run(4);
    await open();
    expect(batches).toEqual([[0]]);
    expect(await ended(Promise.all([first, second]), open)).toEqual([4, 8]);
    expect(batches).toEqual([[0], [2, 4]]);
  });

  it('has them go with the first that does not wait, in their order', async () => {
    const { group, batches, open } = doubling({ patience: evenWait(60_000) });
    await alone(group, open);
    const all = [2, 4, 3].map((item) => group.run(item));
    await open();
    expect(await Promise.all(all)).toEqual([4, 8, 6]);
    expect(batches).toEqual([[0], [2, 4, 3]]);
  });

  it('has them wait also while others are under way', async () => {
    const { group, batches, open } = doubling({ patience: evenWait(60_000) });
    await alone(group, open);
    const first = group.run(1);
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
    const waits = group.run(2);
    await open();
    expect(await first).toBe(2);
    expect(batches).toEqual([[0], [1]]);
    const last = group.run(5);
    await open();
    expect(await Promise.all([waits, last])).toEqual([4, 10]);
    expect(batches).toEqual([[0], [1], [2, 5]]);
  });

  it('keeps to its limit, and to its width', async () => {
    const { group, batches, open } = doubling({ limit: 2, width: 2 });
    const all = Promise.all([1, 2, 3, 4, 5].map((item) => group.run(item)));
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    expect(batches).toEqual([
      [1, 2],
      [3, 4],
    ]);
    await open();
    expect(await all).toEqual([2, 4, 6, 8, 10]);
    expect(batches).toHaveLength(3);
  });

  it('gives each caller their own error', async () => {
    const { group, batches, open } = doubling();
    const all = Promise.allSettled([1, -2, 3].map((item) => group.run(item)));
    await open();
    expect((await all).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(batches).toHaveLength(1);
  });

  it('does a batch that fails again one by one, so that only who is at fault hears of it', async () => {
    const { group, batches, open } = doubling();
    const all = Promise.allSettled([1, 13, 3].map((item) => group.run(item)));
    await open();
    expect((await all).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(batches).toEqual([[1, 13, 3], [1], [13], [3]]);
  });

  it('tells everybody at once that there is no database', async () => {
    let asked = 0;
    const group = new GroupCommit<number, number>(outside, {
      limit: 10,
      width: 1,
      runAll: () => {
        asked += 1;
        return Promise.reject(new DatabaseUnavailable(new Error('gone')));
      },
    });
    const all = await Promise.allSettled([1, 2, 3].map((item) => group.run(item)));
    expect([asked, ...all.map(({ status }) => status)]).toEqual([1, 'rejected', 'rejected', 'rejected']);
  });

  it('has no two items with a key in common in a batch, and keeps their order', async () => {
    // The keys of a number are its digits.
    const { group, batches, open } = doubling({ limit: 10, keysOf: (item) => [...String(item)] });
    const all = Promise.all([1, 12, 2, 4, 21].map((item) => group.run(item)));
    await open();
    await all;
    expect(batches).toEqual([[1, 4], [12], [2], [21]]);
  });

  it('does not begin what has a key in common with what is under way', async () => {
    const { group, batches, open } = doubling({ width: 2, keysOf: (item) => [String(item % 10)] });
    const early = group.run(1);
    await new Promise(setImmediate);
    const late = [11, 2].map((item) => group.run(item));
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    expect(batches).toEqual([[1], [2]]);
    await open();
    expect(await Promise.all([early, ...late])).toEqual([2, 22, 4]);
    expect(batches).toEqual([[1], [2], [11]]);
  });

  it('joins the transaction of a caller who has one, alone', async () => {
    const { group, batches, open } = doubling({}, within);
    const all = Promise.all([group.run(1), group.run(2)]);
    await open();
    await all;
    expect(batches).toEqual([[1], [2]]);
  });

  it('runs in the context of nobody', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const group = new GroupCommit<number, number>(outside, {
      limit: 10,
      width: 1,
      runAll: (items) => {
        seen.push(context.getStore());
        return Promise.resolve(items);
      },
    });
    await context.run('the first caller', () => group.run(1));
    expect(seen).toEqual([undefined]);
  });
});
