import { WalkedCommits } from './walked-commits.js';

const id = (letter: string): string => letter.repeat(40);
const line = (at: number, commit: string, ...parents: string[]): string =>
  [String(at), ...[commit, ...parents].map(id)].join(' ');

it.each([[['d', 'c', 'b', 'a']], [['a', 'b', 'c', 'd']], [['b', 'd', 'a', 'c']], [['c', 'a', 'd', 'b']]])(
  'commits of one second come before their parents, in whatever order git tells of them: %j',
  (told) => {
    const lines: Record<string, string> = {
      a: line(7, 'a'),
      b: line(7, 'b', 'a'),
      c: line(7, 'c', 'a', 'e'),
      d: line(7, 'd', 'b', 'c'),
    };
    const walked = new WalkedCommits();
    for (const commit of told) walked.add(lines[commit] ?? '');
    const positions = walked.positions(new Map([[id('e'), 40]]));
    expect(positions.map(({ sha, depth }) => [sha.charAt(0), depth])).toEqual([
      ['d', 42],
      ['c', 41],
      ['b', 1],
      ['a', 0],
    ]);
  },
);
