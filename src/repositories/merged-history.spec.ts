import { newestFirst, type CommitPosition } from '../git/commit-position.js';
import { readCommitCursor, writeCommitCursor } from './commit-cursor.js';
import { cut } from './cut-text.js';
import { MergedHistory, type Positions } from './merged-history.js';

const at = (time: number, letter: string, depth = 0): CommitPosition => ({ at: time, depth, sha: letter.repeat(40) });

/** Positions that are in memory. */
const listed = (...positions: CommitPosition[]): Positions => ({
  firstAfter: (after) => Promise.resolve(positions.filter((position) => newestFirst(position, after) <= 0).length),
  read: (index, count) => Promise.resolve(positions.slice(index, index + count)),
});

const HISTORIES = [
  { source: 'one', positions: listed(at(9, 'a'), at(7, 'd'), at(7, 'b'), at(1, 'c')) },
  { source: 'two', positions: listed(at(8, 'e'), at(7, 'b'), at(2, 'f')) },
];
const read = async (after: CommitPosition | null, count = 10) =>
  (await new MergedHistory(HISTORIES, after).take(count)).map(({ sha, source }) => `${sha.charAt(0)} ${source}`);

it('reads several histories as one, newest first, a commit of two of them once', async () => {
  expect(await read(null)).toEqual(['a one', 'e two', 'd one', 'b one', 'f two', 'c one']);
});

it('goes on behind any commit of it, page by page', async () => {
  const whole = await read(null);
  const order = [at(9, 'a'), at(8, 'e'), at(7, 'd'), at(7, 'b'), at(2, 'f'), at(1, 'c')];
  for (const [index, position] of order.entries()) expect(await read(position)).toEqual(whole.slice(index + 1));
  const history = new MergedHistory(HISTORIES, null);
  const pages = [await history.take(2), await history.take(3), await history.take(3)];
  expect(pages.flat()).toHaveLength(6);
});

it('goes on behind a commit that is gone', async () => {
  expect(await read(at(7, 'c'))).toEqual(['b one', 'f two', 'c one']);
});

it('has a commit before its parent where both are of the same second', () => {
  const [parent, child] = [at(7, 'f', 1), at(7, 'a', 2)];
  expect([parent, child].sort(newestFirst)).toEqual([child, parent]);
});

it('takes the cursor it has written and no other', () => {
  expect(readCommitCursor(writeCommitCursor(at(5, 'a', 3)))).toEqual(at(5, 'a', 3));
  expect(readCommitCursor(undefined)).toBeNull();
  for (const wrong of ['x', 'e30', 'W10', 'bnVsbA', Buffer.from('[1.5,1,"a"]').toString('base64url')]) {
    expect(() => readCommitCursor(wrong)).toThrow(expect.objectContaining({ kind: 'invalid' }));
  }
});

it('cuts titles between what a reader sees as characters', () => {
  expect(cut('short', 10)).toBe('short');
  expect(cut('abcdefghij', 5)).toBe('abcd…');
  expect(cut('雅'.repeat(10), 5)).toBe('雅雅雅雅…');
  expect(cut('👩‍👩‍👧'.repeat(10), 20)).toBe('👩‍👩‍👧👩‍👩‍👧…');
  expect(cut(`${'x'.repeat(998)}😀😀`, 1000)).toBe(`${'x'.repeat(998)}…`);
});
