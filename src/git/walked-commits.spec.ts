import { GitFailed } from './git.errors.js';
import { WalkedCommits } from './walked-commits.js';

const id = (letter: string): string => letter.repeat(40);
const line = (at: number, commit: string, ...parents: string[]): string =>
  [String(at), ...[commit, ...parents].map(id)].join(' ');

it.each([
  [['d', 'c', 'b', 'a'], 1000],
  [['a', 'b', 'c', 'd'], 41],
  [['b', 'd', 'a', 'c'], 7],
  [['c', 'a', 'd', 'b'], 1],
])(
  'commits of one second come before their parents, in whatever order and parts git tells of them: %j, %i bytes',
  (told, part) => {
    const lines: Record<string, string> = {
      a: line(7, 'a'),
      b: line(7, 'b', 'a'),
      c: line(7, 'c', 'a', 'e'),
      d: line(7, 'd', 'b', 'c'),
    };
    const walked = new WalkedCommits();
    const said = Buffer.from(told.map((commit) => `${lines[commit] ?? ''}\n`).join(''));
    for (let from = 0; from < said.length; from += part) walked.take(said.subarray(from, from + part));
    const positions = walked.positions(new Map([[id('e'), 40]]));
    expect(positions.map(({ sha, depth }) => [sha.charAt(0), depth])).toEqual([
      ['d', 42],
      ['c', 41],
      ['b', 1],
      ['a', 0],
    ]);
  },
);

it('takes the mark of what a walk ended at, with its parents or without, and no time that is none', () => {
  const walked = new WalkedCommits();
  walked.take(Buffer.from(`9 ${id('b')} ${id('a')}\n8 -${id('a')} ${id('c')}\n99999999999999999999 -${id('d')}\n`));
  expect(walked.positions(walked.boundary)).toEqual([{ at: 9, depth: 9, sha: id('b') }]);
  expect([...walked.boundary]).toEqual([
    [id('a'), 8],
    [id('d'), 0],
  ]);
});

it.each([
  '',
  '7',
  `7 ${id('a').slice(1)}`,
  `7 ${id('a')} `,
  `7 ${id('a')} ${id('b').slice(1)}`,
  `7 ${id('g')}`,
  `-7 ${id('a')}`,
  id('a'),
  `7  ${id('a')}`,
  `7 ${id('a')}${id('b')}x`,
])('what tells of no commit is damage: %j', (line) => {
  expect(() => new WalkedCommits().take(Buffer.from(`${line}\n`))).toThrow(GitFailed);
});
