import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { liveProcesses, until } from '../../test/git-processes.js';
import { PATIENCE, TestMirrors } from '../../test/mirrors.js';
import { endless, withGit } from '../../test/replaced-git.js';
import { commit, git as run, Scratch } from '../../test/scratch-git.js';
import type { CommitPosition } from './commit-position.js';

const SIGNAL = new AbortController().signal;
let scratch: Scratch;
let own: TestMirrors;
let source: string;

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  scratch = new Scratch();
  own = new TestMirrors(scratch);
  source = scratch.repository('roots/a', []);
});
afterEach(() => scratch.remove());

const ids = (positions: readonly CommitPosition[]): string[] => positions.map(({ sha }) => sha);

/** Branches that part and join, with times that are equal or run backwards. */
function grow(branches: readonly string[], seed: number): void {
  for (const [at, branch] of branches.entries()) {
    run(source, 'checkout', '-q', '-B', branch);
    for (let count = 0; count < 3; count++)
      commit(source, `${branch} ${String(count)}`, 1000 + ((seed * 7 + at * 5 + count * 3) % 11));
  }
  const [first = '', ...others] = branches;
  run(source, 'checkout', '-q', first);
  for (const other of others) run(source, 'merge', '-q', '--no-ff', '-m', `merge ${other}`, other);
}

describe('a history', () => {
  it('is by time, and of the same second a commit comes before its parents', async () => {
    const shas = ['one', 'two', 'three', 'four', 'five'].map((message) => commit(source, message, 1000));
    shas.push(commit(source, 'older than its parent', 500));
    const directory = await own.mirrors.open(own.records.add(source), PATIENCE);
    const order = await own.order(directory, null);
    expect(ids(order)).toEqual([...shas.slice(0, 5).reverse(), shas[5]]);
    expect(order.map(({ depth }) => depth)).toEqual([4, 3, 2, 1, 0, 5]);
  });

  it('is the same whether made anew or of an earlier one, whatever has come and gone', async () => {
    const id = own.records.add(source);
    commit(source, 'root', 1000);
    const walk = await countingWalks(async (directory) => {
      for (let round = 0; round < 6; round++) {
        if (round === 3) run(source, 'reset', '-q', '--hard', 'HEAD~2');
        if (round === 4) run(source, 'branch', '-q', '-D', 'c1');
        grow([`a${String(round)}`, `b${String(round)}`, `c${String(round)}`], round);
        await own.mirrors.ensureFresh(id);
        const changed = await own.order(directory(), null);
        rmSync(join(directory(), 'history'), { recursive: true });
        expect(changed).toEqual(await own.order(directory(), null));
        expect(new Set(ids(changed))).toEqual(new Set(run(source, 'rev-list', '--branches').split('\n')));
      }
    }, id);
    // One walk from the beginning in each round, to compare with; it must not be what the others are made of.
    expect(walk.fromTheBeginning).toBe(7);
  });

  it('is read of its file alone once it is known, also by another process', async () => {
    grow(['one', 'two', 'three'], 1);
    const id = own.records.add(source);
    const directory = await own.mirrors.open(id, PATIENCE);
    const known = await own.order(directory, null);
    const tips = await own.branches.tips(directory);
    await withGit(scratch, 'case " $* " in *" rev-list "*) exit 1;; esac; exec "$real" "$@"', async () => {
      const file = await own.another().histories.open(directory, tips, SIGNAL);
      expect(await file?.read(3, 2)).toEqual(known.slice(3, 5));
      for (const [index, position] of known.entries()) expect(await file?.firstAfter(position)).toBe(index + 1);
      await file?.close();
    });
  });

  it('is made again when its file is not whole', async () => {
    grow(['one', 'two'], 1);
    const directory = await own.mirrors.open(own.records.add(source), PATIENCE);
    const known = await own.order(directory, null);
    const [name = ''] = readdirSync(join(directory, 'history'));
    for (const size of [0, 10, 100]) {
      truncateSync(join(directory, 'history', name), size);
      expect(await own.order(directory, null)).toEqual(known);
    }
    writeFileSync(join(directory, 'history', name.replace('-', '-f')), 'x'.repeat(1000));
    expect(await own.order(directory, null)).toEqual(known);
  });

  it('is made anew where the commits that an earlier one began at are gone', async () => {
    grow(['one', 'two'], 1);
    const directory = await own.mirrors.open(own.records.add(source), PATIENCE);
    await own.order(directory, run(source, 'rev-parse', 'one'));
    run(directory, 'update-ref', '-d', 'refs/heads/one');
    run(directory, 'reflog', 'expire', '--expire=now', '--all');
    run(directory, 'gc', '--prune=now', '--quiet');
    const left = run(directory, 'rev-list', '--branches').split('\n');
    expect(new Set(ids(await own.order(directory, null)))).toEqual(new Set(left));
  });

  it('of a shallow mirror ends where the mirror ends', async () => {
    for (const message of ['one', 'two', 'three']) commit(source, message);
    const shallow = join(scratch.path, 'roots/shallow');
    run(scratch.path, 'clone', '-q', '--depth', '2', `file://${source}`, shallow);
    const id = own.records.add(shallow);
    const directory = await own.mirrors.open(id, PATIENCE);
    expect(await own.order(directory, null)).toHaveLength(2);
    run(shallow, 'fetch', '-q', '--unshallow');
    await own.mirrors.ensureFresh(id);
    const length = Number(run(source, 'rev-list', '--count', '--branches'));
    expect(length).toBeGreaterThan(2);
    expect(await own.order(directory, null)).toHaveLength(length);
  });

  it('is walked once for all who wait for it, until nobody does', async () => {
    commit(source, 'one');
    const directory = await own.mirrors.open(own.records.add(source), PATIENCE);
    rmSync(join(directory, 'history'), { recursive: true });
    const tips = await own.branches.tips(directory);
    const walks = () =>
      liveProcesses().filter(({ command, id, group }) => command.includes(`${directory} rev-list`) && id === group);
    await withGit(scratch, endless('rev-list'), async () => {
      const callers = [new AbortController(), new AbortController()];
      const asked = callers.map(({ signal }) =>
        own.histories.open(directory, tips, signal).catch((error: unknown) => error),
      );
      await until(() => walks().length === 1);
      callers[0]?.abort();
      expect(await asked[0]).toBe(callers[0]?.signal.reason);
      expect(walks()).toHaveLength(1);
      callers[1]?.abort();
      expect(await asked[1]).toBe(callers[1]?.signal.reason);
      await until(() => walks().length === 0);
    });
    expect(await own.order(directory, null)).toHaveLength(1);
  });

  it('keeps no more files than are looked at', async () => {
    const directory = await own.mirrors.open(own.records.add(scratch.repository('roots/b')), PATIENCE);
    const tree = run(directory, 'rev-parse', 'HEAD^{tree}');
    for (let count = 0; count < 15; count++)
      await own.order(directory, run(directory, 'commit-tree', '-m', String(count), tree));
    expect(readdirSync(join(directory, 'history'))).toHaveLength(12);
  });
});

/** Does work with git, and counts how often it walks a history from the beginning. */
async function countingWalks(
  work: (directory: () => string) => Promise<void>,
  id: string,
): Promise<{ fromTheBeginning: number }> {
  let fromTheBeginning = 0;
  const script = `case " $* " in *" --boundary "*) ;; *" --timestamp "*) echo walk >>"$here/walks";; esac; exec "$real" "$@"`;
  await withGit(scratch, script, async (here) => {
    writeFileSync(join(here, 'walks'), '');
    await work(() => own.directoryOf(id));
    fromTheBeginning = readFileSync(join(here, 'walks'), 'utf8').split('\n').length - 1;
  });
  return { fromTheBeginning };
}
