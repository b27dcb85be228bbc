import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { until } from '../../test/git-processes.js';
import { Scratch } from '../../test/scratch-git.js';
import { refStateOf } from './ref-state.js';
import { RememberedRefs } from './remembered-refs.js';

let scratch: Scratch;

beforeEach(() => {
  scratch = new Scratch();
});
afterEach(() => scratch.remove());

it('remembers so many references in all, of the repositories that were asked for last', async () => {
  const [one = '', other = '', third = ''] = ['1', '2', '3'].map((name) => scratch.repository(name, []) + '/.git');
  for (const directory of [one, other, third]) await until(async () => (await refStateOf(directory)) !== null);
  const remembered = new RememberedRefs<{ made: number }>(() => 90_000);
  let made = 0;
  const read = async (directory: string): Promise<number> =>
    (await remembered.read(directory, () => Promise.resolve({ made: ++made }))).made;
  expect([await read(one), await read(other), await read(one)]).toEqual([1, 2, 1]);
  // The third takes the place of the one that was not asked for again.
  expect([await read(third), await read(one), await read(other)]).toEqual([3, 1, 4]);
});

it('remembers what is too much, for as long as nothing else is asked for', async () => {
  const directory = scratch.repository('1', []) + '/.git';
  await until(async () => (await refStateOf(directory)) !== null);
  const remembered = new RememberedRefs<{ made: number }>(() => 1_000_000);
  let made = 0;
  const read = (): Promise<{ made: number }> => remembered.read(directory, () => Promise.resolve({ made: ++made }));
  expect([await read(), await read()]).toEqual([{ made: 1 }, { made: 1 }]);
});
