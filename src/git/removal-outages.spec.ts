import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { clean, LocalRemovals } from '../../test/local-removals.js';
import { git as run } from '../../test/scratch-git.js';
import { bytePath } from './byte-path.js';
import { HeldWorktree } from './held-worktree.js';
import { asideOf } from './local-worktrees.service.js';
import { RemovalLock } from './removal-lock.js';
import type { Judge } from './worktree-removals.service.js';

let site: LocalRemovals;
let path: string;
let worktree: string;

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  site = new LocalRemovals();
  ({ path, worktree } = site);
});
afterEach(() => site.scratch.remove());

/** As if the process had been ended at this moment: nothing that it would do afterwards is done. */
class Cut extends Error {}

/** Removes by a process that is ended where the judge is asked for the so-manieth time; the way it leaves things. */
async function cutOff(asked: number): Promise<void> {
  const folder = join(path, '.git/worktrees/wt');
  const judge: Judge = () => {
    asked -= 1;
    if (asked > 0) return;
    cpSync(join(site.scratch.path, 'roots'), join(site.scratch.path, 'as left'), {
      recursive: true,
      verbatimSymlinks: true,
    });
    throw new Cut();
  };
  await expect(site.remove(judge)).rejects.toThrow(Cut);
  rmSync(join(site.scratch.path, 'roots'), { recursive: true });
  renameSync(join(site.scratch.path, 'as left'), join(site.scratch.path, 'roots'));
  expect(existsSync(join(folder, 'index.lock'))).toBe(true);
}

it('of a removal that was cut off before anything was put aside nothing stays', async () => {
  await cutOff(1);
  expect(site.names()).toEqual(['a', 'wt']);
  expect(() => run(worktree, 'add', '.')).toThrow('index.lock');
  await site.settle();
  run(worktree, 'commit', '-q', '--allow-empty', '-m', 'afterwards');
  await site.remove(clean);
  expect(site.names()).toEqual(['a']);
});

it('what a removal that was cut off has put aside is brought back before anything else', async () => {
  writeFileSync(join(worktree, 'mine'), 'x');
  await cutOff(2);
  expect(site.names()).toEqual([expect.stringContaining('removing'), 'a']);
  expect(await site.local.list(path)).toMatchObject([{ problem: 'It is being removed.' }]);
  await expect(site.remove(clean)).rejects.toThrow('it holds mine');
  expect(site.names()).toEqual(['a', 'wt']);
  run(worktree, 'add', 'mine');
});

it('and brought back to where it is, when that is known by a link', async () => {
  const there = site.at('there');
  renameSync(worktree, there);
  symlinkSync(there, worktree);
  await cutOff(2);
  expect(site.names()).toEqual([expect.stringContaining('removing'), 'a', 'wt']);
  await site.settle();
  expect(site.names()).toEqual(['a', 'there', 'wt']);
  run(worktree, 'commit', '-q', '--allow-empty', '-m', 'afterwards');
});

it('a lock that git, or somebody else, has left stays', async () => {
  const lock = join(path, '.git/worktrees/wt/index.lock');
  for (const text of ['', 'miyabi', `miyabi ${'0'.repeat(16)}\n${worktree}`]) {
    writeFileSync(lock, text);
    await site.settle();
    expect(readFileSync(lock, 'utf8')).toBe(text);
  }
});

describe('a removal that was cut off when git did not know the work tree any more', () => {
  const record = (): string => join(path, '.git/miyabi-removed');
  const aside = (): string =>
    asideOf({ path: bytePath(worktree), folder: bytePath(join(path, '.git/worktrees/wt')) }).toString();
  /** Leaves the work tree as it is between the two last steps. */
  async function dismissed(): Promise<void> {
    const [linked] = await site.local.list(path);
    if (linked === undefined) throw new Error('there is none');
    const held = await HeldWorktree.hold(linked, new RemovalLock(join(site.scratch.path, 'mirrors')));
    await held.putAside();
    await held.dismiss(bytePath(join(path, '.git')));
    const [name = ''] = readdirSync(record());
    renameSync(site.at(`.miyabi-removed-${name.slice(0, 36)}`), aside());
  }

  it('is brought to its end, whichever step was its last', async () => {
    await dismissed();
    expect(await site.local.list(path)).toEqual([]);
    await site.settle();
    expect(site.names()).toEqual(['a']);
    expect(existsSync(record())).toBe(false);
  });

  it('and nothing of another one goes, though it has its name and its place', async () => {
    await dismissed();
    run(path, 'worktree', 'prune');
    // Another one, whose removal was cut off, too.
    rmSync(aside(), { recursive: true });
    run(path, 'worktree', 'add', '-q', '--detach', worktree);
    writeFileSync(join(worktree, 'mine'), 'x');
    renameSync(worktree, aside());
    writeFileSync(worktree, 'in the way');
    await site.settle();
    expect(readFileSync(join(aside(), 'mine'), 'utf8')).toBe('x');
    rmSync(worktree);
    await site.settle();
    expect(readFileSync(join(worktree, 'mine'), 'utf8')).toBe('x');
    expect(existsSync(record())).toBe(false);
  });
});

describe('of several each is told what became of it, though the disk does something else', () => {
  /** What comes in between when they are judged for the last time. */
  async function outcomes(meanwhile: () => void): Promise<Record<string, string>> {
    for (const name of ['second', 'third']) site.add(name);
    let once = meanwhile;
    const judge: Judge = (state) => {
      clean(state);
      once();
      once = () => undefined;
    };
    const removed = await site.removals.remove(site.planOf(judge, { choose: (found) => found }));
    return Object.fromEntries(
      [...removed].map(([{ name }, why]) => [name.toString(), why === null ? 'gone' : (why as { code: string }).code]),
    );
  }

  it.each([
    ['somebody removes one by hand', () => run(path, 'worktree', 'remove', '--force', site.at('second'))],
    ['the directory of one goes', () => rmSync(site.at('second'), { recursive: true })],
    ['the folder of one goes', () => rmSync(join(path, '.git/worktrees/second'), { recursive: true })],
  ])('as when %s', async (_, meanwhile) => {
    const told = await outcomes(meanwhile);
    expect(told).toMatchObject({ wt: 'gone', third: 'gone' });
    expect(['worktree/not-found', 'worktree/not-removable', 'worktree/busy']).toContain(told['second']);
    expect(site.names().filter((name) => name !== 'second')).toEqual(['a']);
  });

  it('as when something is in the way of the last step', async () => {
    writeFileSync(join(path, '.git/miyabi-removed'), 'in the way');
    const told = await outcomes(() => undefined);
    expect(new Set(Object.values(told))).toEqual(new Set(['worktree/not-removable']));
    expect(site.names()).toEqual(['a', 'second', 'third', 'wt']);
    for (const name of ['second', 'third', 'wt']) run(site.at(name), 'add', '.');
  });
});
