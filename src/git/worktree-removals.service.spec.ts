import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { figure } from '../../test/figures.js';
import { clean, LocalRemovals } from '../../test/local-removals.js';
import { PATIENCE_MS, size } from '../../test/scale.js';
import { git as run } from '../../test/scratch-git.js';
import type { Judge, WorktreeRemovals } from './worktree-removals.service.js';

let site: LocalRemovals;
let path: string;
let worktree: string;

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  site = new LocalRemovals();
  ({ path, worktree } = site);
});
afterEach(() => site.scratch.remove());

it('a work tree goes with what git keeps about it, and nothing else', async () => {
  await site.remove(clean);
  expect(site.names()).toEqual(['a']);
  expect(existsSync(join(path, '.git/worktrees'))).toBe(false);
  expect(run(path, 'worktree', 'list', '--porcelain')).not.toContain(worktree);
  expect(run(path, 'rev-parse', 'work')).toBe(run(path, 'rev-parse', 'main'));
});

it('what is written between the look and the removal stays, where it was', async () => {
  let looks = 0;
  const judge: Judge = (state) => {
    looks += 1;
    clean(state);
    writeFileSync(join(worktree, 'written meanwhile'), 'x');
  };
  await expect(site.remove(judge)).rejects.toThrow('it holds written meanwhile');
  expect(looks).toBe(2);
  expect(site.names()).toEqual(['a', 'wt']);
  expect(readFileSync(join(worktree, 'written meanwhile'), 'utf8')).toBe('x');
  // It is as usable as before.
  run(worktree, 'add', '.');
  run(worktree, 'commit', '-q', '-m', 'kept');
});

it('a commit cannot come in between: git finds its own lock', async () => {
  writeFileSync(join(worktree, 'file'), 'two\n');
  let refusal = '';
  const judge: Judge = () => {
    if (refusal !== '') throw new Error('enough');
    try {
      run(worktree, 'commit', '-q', '-a', '-m', 'meanwhile');
    } catch (error) {
      refusal = String((error as { stderr?: Buffer }).stderr);
    }
  };
  await expect(site.remove(judge)).rejects.toThrow('enough');
  expect(refusal).toContain('index.lock');
  run(worktree, 'commit', '-q', '-a', '-m', 'afterwards');
});

it('is refused where git works at this moment, and the lock of others stays', async () => {
  const lock = join(path, '.git/worktrees/wt/index.lock');
  writeFileSync(lock, '');
  await expect(site.remove(clean)).rejects.toMatchObject({ code: 'worktree/busy' });
  expect(existsSync(lock)).toBe(true);
});

it('is refused when the server may not touch what is there', async () => {
  renameSync(worktree, `${worktree}-moved`);
  const outside = site.scratch.repository('roots/b');
  renameSync(outside, worktree);
  await expect(site.remove(clean)).rejects.toMatchObject({ code: 'worktree/not-removable' });
  expect(existsSync(join(worktree, '.git/HEAD'))).toBe(true);
});

it('two at the same time remove it once', async () => {
  const results = await Promise.allSettled([site.remove(clean), site.remove(clean)]);
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(results.find((one) => one.status === 'rejected')).toMatchObject({ reason: { message: 'there is none' } });
});

it('of several each goes or stays by itself, after one look when somebody has just looked', async () => {
  for (const name of ['dirty', 'busy', 'gone', 'locked']) site.add(name);
  writeFileSync(site.at('dirty/notes'), 'x');
  writeFileSync(join(path, '.git/worktrees/busy/index.lock'), '');
  renameSync(site.at('gone'), join(site.scratch.path, 'elsewhere'));
  let looks = 0;
  const judge: Judge = (state, linked) => {
    looks += 1;
    if (linked.name.toString() === 'locked') throw new Error('it is locked');
    clean(state);
  };
  const removed = await site.removals.remove(site.planOf(judge, { choose: (found) => found, looked: true }));
  const outcomes = [...removed].map(([{ name }, why]) => [name.toString(), why === null ? 'gone' : String(why)]);
  expect(Object.fromEntries(outcomes)).toEqual({
    ...{ wt: 'gone', gone: 'gone', dirty: 'Error: it holds notes', locked: 'Error: it is locked' },
    busy: expect.stringContaining('Git works in') as string,
  });
  expect(looks).toBe(4);
  expect(site.names()).toEqual(['a', 'busy', 'dirty', 'locked']);
  run(site.at('dirty'), 'add', 'notes');
});

it('all stay where they were when the looks are called off', async () => {
  site.add('other');
  const controller = new AbortController();
  const judge: Judge = () => controller.abort();
  const plan = site.planOf(judge, { choose: (found) => found, signal: controller.signal });
  await expect(site.removals.remove(plan)).rejects.toMatchObject({ reason: 'aborted' });
  expect(site.names()).toEqual(['a', 'other', 'wt']);
  for (const name of ['other', 'wt']) run(site.at(name), 'add', '.');
});

it('one whose directory is gone is forgotten', async () => {
  renameSync(worktree, join(site.scratch.path, 'elsewhere'));
  await site.remove(clean);
  expect(await site.local.list(path)).toEqual([]);
});

/** How work comes into a work tree between the look and the removal. Each says whether it has. */
const WAYS: readonly (() => boolean)[] = [
  () => isDone(() => writeFileSync(join(worktree, 'new'), 'x')),
  () => isDone(() => writeFileSync(join(worktree, 'file'), 'two\n')),
  () => isDone(() => renameSync(join(worktree, 'file'), join(worktree, 'elsewhere'))),
  () => isDone(() => run(worktree, 'commit', '-q', '--allow-empty', '-m', 'meanwhile')),
];

function isDone(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

/** Has work come in during removals, one after the other; gives how much came in and how much of it is gone. */
async function race(by: WorktreeRemovals, rounds: number): Promise<{ written: number; lost: number }> {
  let [written, lost] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    const way = WAYS[round % WAYS.length] as () => boolean;
    let came: boolean | null = null;
    const judge: Judge = (state) => {
      clean(state);
      came ??= way();
    };
    await site.remove(judge, by).catch(() => undefined);
    if (came === true) {
      written += 1;
      if (!existsSync(worktree)) lost += 1;
    }
    if (existsSync(worktree)) run(path, 'worktree', 'remove', '--force', worktree);
    run(path, 'worktree', 'add', '-q', '--detach', worktree);
  }
  return { written, lost };
}

it(
  'of what is written while work trees are being removed nothing is lost',
  async () => {
    const { written, lost } = await race(site.removals, size({ full: 200, short: 8 }));
    figure(null, 'works that came in during removals of work trees, and were lost', lost, 'of', written);
    // Commits do not come in: git finds its own lock.
    expect({ written, lost }).toEqual({ written: size({ full: 150, short: 6 }), lost: 0 });
  },
  PATIENCE_MS,
);

it('control: who looks once loses it', async () => {
  const { written, lost } = await race(site.careless, 1);
  figure(null, 'control: lost by who looks once', lost, 'of', written);
  expect({ written, lost }).toEqual({ written: 1, lost: 1 });
});
