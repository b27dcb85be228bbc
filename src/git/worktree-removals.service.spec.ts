import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { TestMirrors } from '../../test/mirrors.js';
import { commit, git as run, Scratch } from '../../test/scratch-git.js';
import { GitConfig } from '../config/git.config.js';
import { bytePath } from './byte-path.js';
import { CommitsService } from './commits.service.js';
import { GitProcess } from './git-process.js';
import { asideOf, LocalWorktrees, type LinkedWorktree } from './local-worktrees.service.js';
import { SafeViews } from './safe-views.js';
import { WorktreeRemovals, type Judge } from './worktree-removals.service.js';
import { WorktreeStates, type WorktreeState } from './worktree-states.service.js';

let scratch: Scratch;
let local: LocalWorktrees;
let removals: WorktreeRemovals;
let path: string;
let worktree: string;

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  scratch = new Scratch();
  const { localPaths, root } = new TestMirrors(scratch);
  const git = new GitProcess(Object.assign(new GitConfig(), { root }));
  const views = new SafeViews(git);
  local = new LocalWorktrees(git, localPaths, views);
  removals = new WorktreeRemovals(git, local, new WorktreeStates(git, views, new CommitsService(git)));
  path = scratch.repository('roots/a', []);
  writeFileSync(join(path, 'file'), 'one\n');
  run(path, 'add', '.');
  commit(path, 'feat: first');
  worktree = join(scratch.path, 'roots/wt');
  run(path, 'worktree', 'add', '-q', '-b', 'work', worktree);
});
afterEach(() => scratch.remove());

const first = (found: readonly LinkedWorktree[]): LinkedWorktree => {
  const [one] = found;
  if (one === undefined) throw new Error('there is none');
  return one;
};
const remove = (judge: Judge, choose = first): Promise<LinkedWorktree> =>
  removals.remove({ local_path: path, default_branch: 'main', choose, judge, signal: AbortSignal.timeout(20_000) });
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

it('one whose directory is gone is forgotten', async () => {
  renameSync(worktree, join(scratch.path, 'elsewhere'));
  await remove(clean);
  expect(await local.list(path)).toEqual([]);
});
