import type { CommitPosition } from '../git/commits.service.js';
import { readLogCursor, writeLogCursor } from './log-cursor.js';
import { cut } from './log-entry.js';
import { MergedHistory } from './merged-history.js';

const at = (time: number, letter: string): CommitPosition => ({ at: time, sha: letter.repeat(40) });
const HISTORIES = [
  { source: 'one', positions: [at(9, 'a'), at(7, 'd'), at(7, 'b'), at(1, 'c')] },
  { source: 'two', positions: [at(8, 'e'), at(7, 'b'), at(2, 'f')] },
];
const read = (after: CommitPosition | null, count = 10) =>
  new MergedHistory(HISTORIES, after).take(count).map(({ sha, source }) => `${sha.charAt(0)} ${source}`);

it('reads several histories as one, newest first, a commit of two of them once', () => {
  expect(read(null)).toEqual(['a one', 'e two', 'd one', 'b one', 'f two', 'c one']);
});

it('goes on behind any commit of it, page by page', () => {
  const whole = read(null);
  const order = [at(9, 'a'), at(8, 'e'), at(7, 'd'), at(7, 'b'), at(2, 'f'), at(1, 'c')];
  order.forEach((position, index) => expect(read(position)).toEqual(whole.slice(index + 1)));
  const history = new MergedHistory(HISTORIES, null);
  expect([...history.take(2), ...history.take(3), ...history.take(3)]).toHaveLength(6);
});

it('goes on behind a commit that is gone', () => {
  expect(read(at(7, 'c'))).toEqual(['b one', 'f two', 'c one']);
});

it('takes the cursor it has written and no other', () => {
  expect(readLogCursor(writeLogCursor(at(5, 'a')))).toEqual(at(5, 'a'));
  expect(readLogCursor(undefined)).toBeNull();
  for (const wrong of ['x', 'e30', 'W10', 'bnVsbA', Buffer.from('[1.5,"a"]').toString('base64url')]) {
    expect(() => readLogCursor(wrong)).toThrow(expect.objectContaining({ kind: 'invalid' }));
  }
});

it('cuts titles between what a reader sees as characters', () => {
  expect(cut('short', 10)).toBe('short');
  expect(cut('abcdefghij', 5)).toBe('abcd…');
  expect(cut('雅'.repeat(10), 5)).toBe('雅雅雅雅…');
  expect(cut('👩‍👩‍👧'.repeat(10), 20)).toBe('👩‍👩‍👧👩‍👩‍👧…');
  expect(cut(`${'x'.repeat(998)}😀😀`, 1000)).toBe(`${'x'.repeat(998)}…`);
});
