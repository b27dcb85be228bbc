import { cpSync, mkdirSync, readFileSync, renameSync, rmdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { until } from '../../test/git-processes.js';
import { PATIENCE, TestMirrors } from '../../test/mirrors.js';
import { commit, git as run, Scratch } from '../../test/scratch-git.js';
import { sourceStateOf } from './source-state.js';

let scratch: Scratch;
let own: TestMirrors;
let source: string;
let id: string;

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  scratch = new Scratch();
  own = new TestMirrors(scratch);
  source = scratch.repository('roots/a', ['one', 'two']);
  id = own.records.add(source);
});
afterEach(() => scratch.remove());

const fetches = (): number => own.records.outcomes.length;
const record = () => {
  const found = own.records.rows.get(id);
  if (found === undefined) throw new Error('there is no such repository');
  return found;
};

/** Looks until a look has found that nothing is to be fetched. */
async function settle(mirrors = own.mirrors): Promise<void> {
  await until(async () => (await sourceStateOf(record())) !== null, 60_000);
  await mirrors.ensureFresh(id);
  const before = fetches();
  await mirrors.ensureFresh(id);
  expect(fetches()).toBe(before);
}

/** What is in the source and in the mirror. */
const refsOf = (directory: string): string =>
  run(directory, 'for-each-ref', '--format=%(refname) %(objectname)', 'refs/heads', 'refs/tags');

it('of a source that is what it was is not fetched, by no process', async () => {
  await settle();
  const before = fetches();
  await own.another().mirrors.ensureFresh(id);
  await own.another().mirrors.open(id, PATIENCE);
  expect(fetches()).toBe(before);
  // Whoever asks for a fetch gets one.
  await own.mirrors.sync(id);
  expect(fetches()).toBe(before + 1);
});

it('sees whatever is changed at once, each time', async () => {
  run(source, 'branch', 'deep/in/folders');
  run(source, 'worktree', 'add', '-q', '-b', 'beside', join(scratch.path, 'roots/beside'));
  const first = run(source, 'rev-parse', 'HEAD~1');
  const changes: (() => unknown)[] = [
    () => commit(source, 'three'),
    () => commit(source, 'four'),
    () => run(source, 'reset', '-q', '--hard', 'HEAD~2'),
    () => run(source, 'update-ref', 'refs/heads/deep/in/folders', 'HEAD~1'),
    () => run(source, 'tag', '-a', '-m', 'v1', 'v1'),
    () => run(source, 'pack-refs', '--all', '--prune'),
    () => run(source, 'branch', '-D', 'deep/in/folders'),
    () => run(source, 'tag', '-d', 'v1'),
    () => commit(join(scratch.path, 'roots/beside'), 'by the side'),
    // As programs do that are not git.
    () => writeFileSync(join(source, '.git/refs/heads/beside'), `${first}\n`),
    () => run(source, 'checkout', '-q', '-b', 'trunk'),
    () => run(source, 'gc', '-q'),
  ];
  await settle();
  for (const change of changes) {
    change();
    await own.mirrors.ensureFresh(id);
    expect(refsOf(own.directoryOf(id))).toBe(refsOf(source));
  }
  expect(readFileSync(join(own.directoryOf(id), 'HEAD'), 'utf8')).toBe('ref: refs/heads/trunk\n');
  // Also where a file is written into that nothing else has changed for long.
  run(source, 'update-ref', 'refs/heads/beside', 'HEAD');
  await settle();
  writeFileSync(join(source, '.git/refs/heads/beside'), `${first}\n`);
  await own.mirrors.ensureFresh(id);
  expect(refsOf(own.directoryOf(id))).toBe(refsOf(source));
});

it('fetches when the last fetch failed, was long ago, or was for another default branch', async () => {
  await settle();
  const { outcomes, rows } = own.records;
  const asked = async (): Promise<string | undefined> => {
    const before = outcomes.length;
    await own.mirrors.ensureFresh(id);
    return outcomes.slice(before)[0];
  };
  rows.set(id, { ...record(), last_error: 'It was away.' });
  expect(await asked()).toBe('synced main');
  expect(await asked()).toBeUndefined();
  rows.set(id, { ...record(), synced_ms_ago: 61_000 });
  expect(await asked()).toBe('synced main');
  rows.set(id, { ...record(), default_branch: 'next', default_branch_chosen: true });
  expect(await asked()).toBe('synced next');
  renameSync(source, `${source}-away`);
  await expect(own.mirrors.ensureFresh(id)).rejects.toThrow(/no Git repository/);
  renameSync(`${source}-away`, source);
  expect(await asked()).toBe('synced next');
});

it('is not told of a source whose times are yet to come, or whose references are kept otherwise', async () => {
  const [head, tables] = [join(source, '.git/HEAD'), join(scratch.path, 'roots/tables')];
  const state = (path: string) => sourceStateOf({ ...record(), source: { kind: 'local', path } });
  run(source, 'worktree', 'add', '-q', '-b', 'beside', join(scratch.path, 'roots/beside'));
  cpSync(join(source, '.git'), tables, { recursive: true });
  mkdirSync(join(tables, 'reftable'));
  await until(async () => (await state(source)) !== null, 60_000);
  expect(await Promise.all([state(join(scratch.path, 'roots/beside')), state(tables)])).toEqual([null, null]);
  rmdirSync(join(tables, 'reftable'));
  await until(async () => (await state(tables)) !== null, 60_000);
  const later = new Date(Date.now() + 3_600_000);
  utimesSync(head, later, later);
  expect(await state(source)).toBeNull();
});
