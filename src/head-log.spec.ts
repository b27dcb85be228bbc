import { commitsInLog } from './head-log.js';

const id = (letter: string): string => letter.repeat(40);

/** A log of moves like `a b commit: x`. */
const log = (...moves: string[]): string =>
  moves
    .map((move) => `${id(move[0] ?? '')} ${id(move[2] ?? '')} Ada <a@b> 1700000000 +0000\t${move.slice(4)}\n`)
    .join('');

const found = (text: string, replaced = true): string =>
  commitsInLog(text, { replaced })
    .map((sha) => sha[0])
    .join('');

it('every commit that HEAD was at is in its log, the one before the log began too', () => {
  expect(found(log('0 a commit (initial): x', 'a b commit: y', 'b c checkout: moving from main to work'))).toBe('abc');
  expect(found(log('d e commit: x', 'f a reset: moving to HEAD~1'))).toBe('defa');
  expect(found(`no line of a log\n${log('a b commit: y')}`)).toBe('ab');
  expect(found(`${id('a')} ${id('b')} Ada <a@b> 1700000000 +0000\n`)).toBe('ab');
  expect(found('')).toBe('');
});

it('what an amendment replaced counts, unless only what came of it is wanted', () => {
  const text = log('a b commit: x', 'b c commit (amend): x', 'c d commit: y');
  expect(found(text)).toBe('abcd');
  expect(found(text, false)).toBe('acd');
});

it.each(['rebase', 'pull --rebase origin main'])('what %s makes on its way does not count', (by) => {
  const text = log(
    ...['0 a commit (initial): x', 'a b commit: y', 'b c commit: fixup! y'],
    ...[`c d ${by} (start): checkout main`, `d 1 ${by} (pick): y`, `1 2 ${by} (fixup): y`],
    ...['2 3 commit: by hand', '3 4 commit (amend): by hand', `4 5 ${by} (pick): z`],
    ...[`5 5 ${by} (finish): returning to refs/heads/work`, '5 6 commit: on'],
  );
  expect(found(text)).toBe('abc56');
  expect(found(text, false)).toBe('ab56');
});

it('a rebase that is given up leads back to where it began', () => {
  const text = log(
    'a b commit: x',
    'b c rebase (start): checkout main',
    'c d rebase (pick): x',
    'd b rebase (abort): y',
  );
  expect(found(text, false)).toBe('ab');
  expect(found(text)).toBe('ab');
});

it('what was committed by hand before a rebase was given up is no copy', () => {
  const text = log('a b commit: x', 'b c rebase (start): main', 'c d commit: by hand', 'd b rebase (abort): y');
  expect(found(text, false)).toBe('acdb');
});
