import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { figure } from '../../test/figures.js';
import { TestMirrors } from '../../test/mirrors.js';
import { PATIENCE_MS, size } from '../../test/scale.js';
import { commit, git as run, Scratch } from '../../test/scratch-git.js';
import { GitConfig } from '../config/git.config.js';
import { bytePath } from './byte-path.js';
import { CommitsService } from './commits.service.js';
import { GitProcess } from './git-process.js';
import { asideOf, LocalWorktrees, type LinkedWorktree } from './local-worktrees.service.js';
import { SafeViews } from './safe-views.js';
import { WorktreeRemovals, type Judge, type RemovalPlan } from './worktree-removals.service.js';
import { WorktreeHistories } from './worktree-histories.service.js';
import { WorktreeStates, type WorktreeState } from './worktree-states.service.js';

let scratch: Scratch;
let local: LocalWorktrees;
let removals: WorktreeRemovals;
let careless: WorktreeRemovals;
let path: string;
let worktree: string;

/** What looks at a work tree once, and takes it for the same ever after. */
class LooksOnce extends WorktreeStates {
  private seen: WorktreeState[] | null = null;

  override async look(...of: Parameters<WorktreeStates['look']>): Promise<WorktreeState[]> {
    return (this.seen ??= await super.look(...of));
  }
}

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  scratch = new Scratch();
  const { localPaths, root } = new TestMirrors(scratch);
  const git = new GitProcess(Object.assign(new GitConfig(), { root }));
  const views = new SafeViews(git);
  local = new LocalWorktrees(git, localPaths, views);
  const histories = new WorktreeHistories(git, new CommitsService(git));
  removals = new WorktreeRemovals(git, local, new WorktreeStates(git, views, histories));
  careless = new WorktreeRemovals(git, local, new LooksOnce(git, views, histories));
  path = scratch.repository('roots/a', []);
  writeFileSync(join(path, 'file'), 'one\n');
  run(path, 'add', '.');
  commit(path, 'feat: first');
  worktree = join(scratch.path, 'roots/wt');
  run(path, 'worktree', 'add', '-q', '-b', 'work', worktree);
});
afterEach(() => scratch.remove());

const first = (found: readonly LinkedWorktree[]): LinkedWorktree[] => {
  const [one] = found;
  if (one === undefined) throw new Error('there is none');
  return [one];
};
const planOf = (judge: Judge, more: Partial<RemovalPlan> = {}): RemovalPlan => ({
  ...{ local_path: path, default_branch: 'main', choose: first, judge, looked: false },
  signal: AbortSignal.timeout(20_000),
  ...more,
});

/** Removes the first; throws why it stays. */
async function remove(judge: Judge, by = removals): Promise<void> {
  for (const failure of (await by.remove(planOf(judge))).values()) if (failure !== null) throw failure as Error;
}

/** What a judge does who minds changes. */
const clean = ({ changes }: WorktreeState): void => {
  if (changes?.count !== 0) throw new Error(`it holds ${String(changes?.files)}`);
};
const names = (): string[] => readdirSync(join(scratch.path, 'roots')).sort();

it('a work tree goes with what git keeps about it, and nothing else', async () => {
  await remove(clean);
  expect(names()).toEqual(['a']);
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
  await expect(remove(judge)).rejects.toThrow('it holds written meanwhile');
  expect(looks).toBe(2);
  expect(names()).toEqual(['a', 'wt']);
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
  await expect(remove(judge)).rejects.toThrow('enough');
  expect(refusal).toContain('index.lock');
  run(worktree, 'commit', '-q', '-a', '-m', 'afterwards');
});

it('is refused where git works at this moment, and the lock of others stays', async () => {
  const lock = join(path, '.git/worktrees/wt/index.lock');
  writeFileSync(lock, '');
  await expect(remove(clean)).rejects.toMatchObject({ code: 'worktree/busy' });
  expect(existsSync(lock)).toBe(true);
});

it('is refused when the server may not touch what is there', async () => {
  renameSync(worktree, `${worktree}-moved`);
  const outside = scratch.repository('roots/b');
  renameSync(outside, worktree);
  await expect(remove(clean)).rejects.toMatchObject({ code: 'worktree/not-removable' });
  expect(existsSync(join(worktree, '.git/HEAD'))).toBe(true);
});

it('what a removal that was cut off has put aside is brought back before anything else', async () => {
  const folder = join(path, '.git/worktrees/wt');
  const aside = asideOf({ path: bytePath(worktree), folder: bytePath(folder) });
  writeFileSync(join(worktree, 'mine'), 'x');
  renameSync(worktree, aside);
  writeFileSync(join(folder, 'index.lock'), 'miyabi\n');
  expect(await local.list(path)).toMatchObject([{ problem: 'It is being removed.' }]);
  await expect(remove(clean)).rejects.toThrow('it holds mine');
  expect(names()).toEqual(['a', 'wt']);
  run(worktree, 'add', 'mine');
});

it('two at the same time remove it once', async () => {
  const results = await Promise.allSettled([remove(clean), remove(clean)]);
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(results.find((one) => one.status === 'rejected')).toMatchObject({ reason: { message: 'there is none' } });
});

it('of several each goes or stays by itself, after one look when somebody has just looked', async () => {
  for (const name of ['dirty', 'busy', 'gone', 'locked'])
    run(path, 'worktree', 'add', '-q', '--detach', join(scratch.path, 'roots', name));
  writeFileSync(join(scratch.path, 'roots/dirty/notes'), 'x');
  writeFileSync(join(path, '.git/worktrees/busy/index.lock'), '');
  renameSync(join(scratch.path, 'roots/gone'), join(scratch.path, 'elsewhere'));
  let looks = 0;
  const judge: Judge = (state, linked) => {
    looks += 1;
    if (linked.name.toString() === 'locked') throw new Error('it is locked');
    clean(state);
  };
  const removed = await removals.remove(planOf(judge, { choose: (found) => found, looked: true }));
  const outcomes = [...removed].map(([{ name }, why]) => [name.toString(), why === null ? 'gone' : String(why)]);
  expect(Object.fromEntries(outcomes)).toEqual({
    ...{ wt: 'gone', gone: 'gone', dirty: 'Error: it holds notes', locked: 'Error: it is locked' },
    busy: expect.stringContaining('Git works in') as string,
  });
  expect(looks).toBe(4);
  expect(names()).toEqual(['a', 'busy', 'dirty', 'locked']);
  run(join(scratch.path, 'roots/dirty'), 'add', 'notes');
});

it('all stay where they were when the looks are called off', async () => {
  run(path, 'worktree', 'add', '-q', '--detach', join(scratch.path, 'roots/other'));
  const controller = new AbortController();
  const judge: Judge = () => controller.abort();
  const plan = planOf(judge, { choose: (found) => found, signal: controller.signal });
  await expect(removals.remove(plan)).rejects.toMatchObject({ reason: 'aborted' });
  expect(names()).toEqual(['a', 'other', 'wt']);
  for (const name of ['other', 'wt']) run(join(scratch.path, 'roots', name), 'add', '.');
});

it('one whose directory is gone is forgotten', async () => {
  renameSync(worktree, join(scratch.path, 'elsewhere'));
  await remove(clean);
  expect(await local.list(path)).toEqual([]);
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
    await remove(judge, by).catch(() => undefined);
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
    const { written, lost } = await race(removals, size({ full: 200, short: 8 }));
    figure(null, 'works that came in during removals of work trees, and were lost', lost, 'of', written);
    // Commits do not come in: git finds its own lock.
    expect({ written, lost }).toEqual({ written: size({ full: 150, short: 6 }), lost: 0 });
  },
  PATIENCE_MS,
);

it('control: who looks once loses it', async () => {
  const { written, lost } = await race(careless, 1);
  figure(null, 'control: lost by who looks once', lost, 'of', written);
  expect({ written, lost }).toEqual({ written: 1, lost: 1 });
});
