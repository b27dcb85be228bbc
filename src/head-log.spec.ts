import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { git, GIT_ENVIRONMENT, Scratch } from '../test/scratch-git.js';
import { commitsInLog } from './head-log.js';
import { newId } from './ids.js';

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
    ...[`c d ${by} (start): checkout main`, `d 1 ${by} (pick): x`, `1 2 ${by} (pick): y`, `2 3 ${by} (fixup): y`],
    ...[`3 3 ${by} (finish): returning to refs/heads/work`, '3 4 commit: on'],
  );
  expect(found(text)).toBe('abc34');
  expect(found(text, false)).toBe('ab34');
});

it('what is committed by hand in the middle of a rebase counts, as it does elsewhere', () => {
  const text = log(
    ...['a b commit: x', 'b c rebase (start): checkout main', 'c d rebase (pick): x', 'd e rebase (edit): y'],
    ...['e 1 commit (amend): y', '1 2 commit: by hand', '2 3 commit (amend): by hand', '3 4 rebase (fixup): z'],
    ...['4 5 rebase (pick): z', '5 5 rebase (finish): returning to refs/heads/work'],
  );
  expect(found(text)).toBe('ab1235');
  // The third is in the one that it was squashed into.
  expect(found(text, false)).toBe('a15');
});

// Its last copy may be what somebody made of it: `rebase --apply --continue` says (pick) of a conflict that was resolved.
it('what a rebase had come to when it was given up counts, and so does where it leads back to', () => {
  const text = log(
    'a b commit: x',
    'b c rebase (start): checkout main',
    'c d rebase (pick): x',
    'd e rebase (pick): y',
    'e b rebase (abort): y',
  );
  expect(found(text, false)).toBe('abe');
  expect(found(text)).toBe('abe');
  expect(found(log('a b commit: x', 'b c rebase (start): checkout main', 'c b rebase (abort): y'))).toBe('ab');
});

it('what was committed by hand before a rebase was given up is no copy', () => {
  const text = log('a b commit: x', 'b c rebase (start): main', 'c d commit: by hand', 'd b rebase (abort): y');
  expect(found(text, false)).toBe('abcd');
});

it.each(['checkout: moving from 1 to main', 'reset: moving to HEAD~1', 'commit: on', 'rebase (start): anew'])(
  'a rebase that was left lying, of which nothing is told, has come to something before %s',
  (next) => {
    const text = log(
      'a b commit: x',
      'b c rebase (start): main',
      'c d rebase (pick): x',
      `d e ${next}`,
      'e f commit: z',
    );
    expect(found(text)).toContain('d');
    // Nothing says that others took the place of what it began with.
    expect(found(text, false)).toContain('bd');
  },
);

it("words that only look like those of a rebase are of somebody's work", () => {
  for (const words of ['pull ../a (copy) main: Merge made', 'pull ../a (pick) main: Merge made', 'mine (pick): x'])
    expect(found(log('a b commit: x', `b c ${words}`, 'c d commit (amend): x'))).toBe('abcd');
});

describe('of what git itself writes', () => {
  let scratch: Scratch;
  let at: string;

  beforeAll(() => {
    scratch = new Scratch();
    at = scratch.repository('made once', ['base']);
    git(at, 'checkout', '-q', '-b', 'work');
    for (const name of ['one', 'two', 'three']) committed(name);
    git(at, 'checkout', '-q', 'main');
    committed('main');
    git(at, 'checkout', '-q', '-b', 'rival');
    for (const name of ['two', 'three']) committed(name);
    git(at, 'checkout', '-q', 'work');
    writeFileSync(join(at, '.git/logs/HEAD'), '');
  });
  beforeEach(() => {
    at = join(scratch.path, newId());
    cpSync(join(scratch.path, 'made once'), at, { recursive: true, preserveTimestamps: true });
  });
  afterAll(() => scratch.remove());

  function committed(name: string, text = newId()): string {
    writeFileSync(join(at, name), text);
    git(at, 'add', '.');
    git(at, 'commit', '-q', '-m', `${name} ${text}`);
    return git(at, 'rev-parse', 'HEAD');
  }
  /** Whatever it says: a rebase that stops says no. */
  const attempt = (env: Record<string, string>, ...args: string[]): void => {
    spawnSync('git', args, { cwd: at, env: { ...GIT_ENVIRONMENT, GIT_EDITOR: 'true', ...env } });
  };
  /** Commits that the log alone leads to. */
  function alone(replaced: boolean): string[] {
    const log = readFileSync(join(at, '.git/logs/HEAD'), 'latin1');
    const names = commitsInLog(log, { replaced });
    // With a branch its own log stays.
    const logged = ['work', 'main'].flatMap((name) => readFileSync(join(at, '.git/logs/refs/heads', name), 'latin1'));
    const kept = logged.flatMap((text) => [...text.matchAll(/^\S+ (\S+)/gm)].map(([, sha]) => `^${String(sha)}`));
    return git(at, 'rev-list', ...names, '--not', '--all', '--not', ...kept)
      .split('\n')
      .filter(Boolean);
  }
  const EDIT = { GIT_SEQUENCE_EDITOR: 'sed -i -e 2s/pick/edit/' };

  const STOPS: Readonly<Record<string, () => void>> = {
    'to have a commit edited': () => attempt(EDIT, 'rebase', '-i', 'main'),
    'at a conflict': () => attempt({}, 'rebase', 'rival'),
    'at a conflict, as mails are applied': () => attempt({}, 'rebase', '--apply', 'rival'),
    'at a conflict with what is pulled': () => attempt({}, 'pull', '-q', '--rebase', '.', 'rival'),
    'without a branch': () => {
      git(at, 'checkout', '-q', '--detach');
      attempt(EDIT, 'rebase', '-i', 'main');
    },
  };
  const ENDS: Readonly<Record<string, () => void>> = {
    'given up': () => git(at, 'rebase', '--abort'),
    'left lying': () => {
      git(at, 'rebase', '--quit');
      git(at, 'checkout', '-q', '--force', 'work');
    },
    'left lying and committed to': () => {
      git(at, 'rebase', '--quit');
      committed('after');
      git(at, 'checkout', '-q', '--force', 'work');
    },
    'left for a branch': () => {
      git(at, 'checkout', '-q', '--force', 'main');
      git(at, 'rebase', '--quit');
    },
    'left for a commit, and gone on with': () => {
      git(at, 'checkout', '-q', '--force', '--detach', 'main');
      attempt({}, 'rebase', '--continue');
      attempt({}, 'rebase', '--abort');
    },
    reset: () => {
      git(at, 'reset', '-q', '--hard', 'refs/heads/main');
      attempt({}, 'rebase', '--continue');
    },
  };
  const ways = Object.keys(STOPS).flatMap((stop) => Object.keys(ENDS).map((end) => [stop, end] as const));

  it.each(ways)('a commit is found that was made in a rebase which stopped %s and was %s', (stop, end) => {
    STOPS[stop]?.();
    const mine = [committed('mine')];
    git(at, 'commit', '-q', '--amend', '-m', 'amended');
    mine.push(git(at, 'rev-parse', 'HEAD'), committed('mine too'));
    ENDS[end]?.();
    expect(alone(true)).toEqual(expect.arrayContaining(mine));
    expect(alone(false)).toEqual(expect.arrayContaining(mine.slice(1)));
  });

  it.each(['--merge', '--apply'])('what a conflict was resolved to is found when a rebase %s is given up', (how) => {
    attempt({}, 'rebase', how, 'rival');
    writeFileSync(join(at, 'two'), 'resolved');
    git(at, 'add', 'two');
    attempt({}, 'rebase', '--continue');
    const resolved = git(at, 'rev-parse', 'HEAD');
    expect(git(at, 'show', 'HEAD:two')).toBe('resolved');
    git(at, 'rebase', '--abort');
    expect(alone(false)).toContain(resolved);
  });

  const FINISHED: readonly (readonly string[])[] = [
    ['rebase', 'main'],
    ['rebase', '--apply', 'main'],
    ['rebase', '--root', '--onto', 'main'],
    ['rebase', '--rebase-merges', 'main'],
    ['rebase', '-x', 'git commit -q --amend --reset-author --no-edit', 'main'],
    ['pull', '-q', '--rebase', '.', 'main'],
  ];
  it.each(FINISHED.map((args) => [args.join(' '), args] as const))(
    'nothing of %s is, once it is through',
    (_, args) => {
      attempt({}, ...args);
      expect(git(at, 'log', '-1', '--format=%s', 'work~3')).toContain('main');
      git(at, 'commit', '-q', '--amend', '-m', 'amended');
      expect(alone(true)).toEqual([]);
    },
  );
});
