import { merged, take } from './merged.js';

const order = (one: number, other: number): number => one - other;

it('gives several lists as one, of which only as much is looked at as is taken', () => {
  let looked = 0;
  const all = merged([[1, 4, 9], [], [2, 3, 10], [4]], (one, other) => {
    looked += 1;
    return order(one, other);
  });
  expect(take(all, 2)).toEqual([1, 2]);
  expect(looked).toBeLessThanOrEqual(6);
  expect(take(all, 3)).toEqual([3, 4, 4]);
  expect(take(all, 5)).toEqual([9, 10]);
  expect(take(all, 5)).toEqual([]);
  expect(take(merged([], order), 1)).toEqual([]);
});
