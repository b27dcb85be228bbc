import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commit, git, Scratch } from '../../test/scratch-git.js';
import { readPlainIndex } from './plain-index.js';

let scratch: Scratch;
let path: string;

beforeEach(() => {
  scratch = new Scratch();
  path = scratch.repository('repository', []);
  // Names of every length that the entries are filled up by.
  for (let length = 1; length < 20; length++) writeFileSync(join(path, 'n'.repeat(length)), 'x');
  git(path, 'add', '.');
});
afterEach(() => scratch.remove());

const index = (): Buffer => readFileSync(join(path, '.git/index'));
const read = (): { nested: string[]; hidden: boolean } | null => {
  const staged = readPlainIndex(index());
  return staged && { ...staged, nested: staged.nested.map(String) };
};

it('tells of repositories inside, and of files that git was told to pass over', () => {
  expect(read()).toEqual({ nested: [], hidden: false });
  const inner = scratch.repository('repository/inner');
  commit(inner, 'inner');
  git(path, 'add', 'inner');
  // With it come extensions.
  git(path, 'commit', '-q', '-m', 'x');
  expect(read()).toEqual({ nested: ['inner'], hidden: false });
  git(path, 'update-index', '--assume-unchanged', 'nnn');
  expect(read()).toEqual({ nested: ['inner'], hidden: true });
  git(path, 'update-index', '--no-assume-unchanged', 'nnn');
  git(path, 'update-index', '--skip-worktree', 'nnnn');
  expect(index().readUInt32BE(4)).toBe(3);
  expect(read()).toEqual({ nested: ['inner'], hidden: true });
});

it('leaves to git what it does not know, and what is not whole', () => {
  const whole = index();
  for (let length = 0; length < whole.length; length += 7) expect(readPlainIndex(whole.subarray(0, length))).toBeNull();
  expect(readPlainIndex(Buffer.from('no index at all, though long enough for one'))).toBeNull();
  git(path, 'update-index', '--index-version', '4');
  expect(read()).toBeNull();
  git(path, 'update-index', '--index-version', '2');
  expect(read()).toEqual({ nested: [], hidden: false });
  git(path, 'update-index', '--split-index');
  expect(read()).toBeNull();
});
