import { mkdirSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { jest } from '@jest/globals';
import { TestMirrors } from '../../test/mirrors.js';
import { git as run, Scratch } from '../../test/scratch-git.js';
import { GitConfig } from '../config/git.config.js';
import { newId } from '../ids.js';
import { CommitsService } from './commits.service.js';
import { GitProcess, type GitCall, type GitChild } from './git-process.js';
import { LocalWorktrees } from './local-worktrees.service.js';
import { SafeViews } from './safe-views.js';
import { WorktreeHistories } from './worktree-histories.service.js';
import { WorktreeStates } from './worktree-states.service.js';

let scratch: Scratch;
let views: SafeViews;
let git: WatchedGit;
let local: LocalWorktrees;
let states: WorktreeStates;
let path: string;

/** Tells of each git before it starts. */
class WatchedGit extends GitProcess {
  onStart = (): void => undefined;

  override start(call: GitCall): Promise<GitChild> {
    this.onStart();
    return super.start(call);
  }
}

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  scratch = new Scratch();
  const { localPaths, root } = new TestMirrors(scratch);
  git = new WatchedGit(Object.assign(new GitConfig(), { root }));
  views = new SafeViews(git);
  local = new LocalWorktrees(git, localPaths, views);
  states = new WorktreeStates(git, views, new WorktreeHistories(git, new CommitsService(git)));
  path = scratch.repository('roots/a');
});
afterEach(() => scratch.remove());

const left = (): string[] => readdirSync(join(git.root, '.views'));

it('nothing of a view stays behind, whenever its work is called off', async () => {
  for (let at = 0; at < 6; at++) {
    const worktree = join(scratch.path, `roots/wt-${String(at)}`);
    run(path, 'worktree', 'add', '-q', '--detach', worktree);
  }
  const look = async (signal: AbortSignal): Promise<number> =>
    local.within(path, async (view) => {
      const found = await local.listIn(view, signal);
      return (await states.look(view, found, 'main', signal)).length;
    });
  expect(await look(new AbortController().signal)).toBe(6);
  // Each time a git later: what is under way at that moment is another thing every time.
  for (let round = 0, wasCalledOff = true; wasCalledOff; round++) {
    const controller = new AbortController();
    let begun = 0;
    git.onStart = () => {
      begun += 1;
      if (begun > round) controller.abort();
    };
    const outcome = await look(controller.signal).catch((error: unknown) => error);
    git.onStart = () => undefined;
    wasCalledOff = controller.signal.aborted;
    if (!wasCalledOff) expect(outcome).toBe(6);
    expect(left()).toEqual([]);
  }
});

it('what a process has left that ended in the middle is swept, by one that started before, too', async () => {
  const use = (): Promise<void> => local.within(path, () => Promise.resolve());
  await use();
  const leave = (name: string, minutes: number): void => {
    mkdirSync(join(git.root, '.views', name, newId()), { recursive: true });
    const then = Date.now() / 1000 - minutes * 60;
    utimesSync(join(git.root, '.views', name), then, then);
  };
  leave('of-long-ago', 61);
  leave('in-use', 5);
  leave('put-away.gone', 0);
  await use();
  expect(left()).toHaveLength(3);
  const clock = jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 11 * 60_000);
  await use();
  clock.mockRestore();
  expect(left()).toEqual(['in-use']);
});
