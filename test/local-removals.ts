import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GitConfig } from '../src/config/git.config.js';
import { CommitsService } from '../src/git/commits.service.js';
import { GitProcess } from '../src/git/git-process.js';
import { LocalWorktrees, type LinkedWorktree } from '../src/git/local-worktrees.service.js';
import { RemovalRecords } from '../src/git/removal-records.js';
import { SafeViews } from '../src/git/safe-views.js';
import { WorktreeHistories } from '../src/git/worktree-histories.service.js';
import { WorktreeRemovals, type Judge, type RemovalPlan } from '../src/git/worktree-removals.service.js';
import { WorktreeStates, type WorktreeState } from '../src/git/worktree-states.service.js';
import { TestMirrors } from './mirrors.js';
import { commit, git as run, Scratch } from './scratch-git.js';

/** What looks at a work tree once, and takes it for the same ever after. */
class LooksOnce extends WorktreeStates {
  private seen: WorktreeState[] | null = null;

  override async look(...of: Parameters<WorktreeStates['look']>): Promise<WorktreeState[]> {
    return (this.seen ??= await super.look(...of));
  }
}

/** A repository `a` with a linked work tree `wt` beside it, and what removes such. */
export class LocalRemovals {
  readonly scratch = new Scratch();
  readonly path: string;
  readonly worktree: string;
  readonly local: LocalWorktrees;
  readonly removals: WorktreeRemovals;
  /** The same, by who looks once. */
  readonly careless: WorktreeRemovals;

  constructor() {
    const { localPaths, root } = new TestMirrors(this.scratch);
    const git = new GitProcess(Object.assign(new GitConfig(), { root }));
    const views = new SafeViews(git);
    this.local = new LocalWorktrees(git, localPaths, views);
    const histories = new WorktreeHistories(git, new CommitsService(git));
    const by = (states: WorktreeStates): WorktreeRemovals =>
      new WorktreeRemovals(git, localPaths, this.local, states, new RemovalRecords(git));
    this.removals = by(new WorktreeStates(git, views, histories));
    this.careless = by(new LooksOnce(git, views, histories));
    this.path = this.scratch.repository('roots/a', []);
    writeFileSync(join(this.path, 'file'), 'one\n');
    run(this.path, 'add', '.');
    commit(this.path, 'feat: first');
    this.worktree = this.at('wt');
    run(this.path, 'worktree', 'add', '-q', '-b', 'work', this.worktree);
  }

  /** What lies, or would lie, beside the repository. */
  at = (name: string): string => join(this.scratch.path, 'roots', name);

  names = (): string[] => readdirSync(join(this.scratch.path, 'roots')).sort();

  /** Adds one more. */
  add(name: string): void {
    run(this.path, 'worktree', 'add', '-q', '--detach', this.at(name));
  }

  planOf = (judge: Judge, more: Partial<RemovalPlan> = {}): RemovalPlan => ({
    ...{ local_path: this.path, default_branch: 'main', choose: first, judge, looked: false },
    signal: AbortSignal.timeout(20_000),
    ...more,
  });

  /** Removes the first; throws why it stays. */
  async remove(judge: Judge, by = this.removals): Promise<void> {
    for (const failure of (await by.remove(this.planOf(judge))).values()) if (failure !== null) throw failure as Error;
  }

  /** Has what was left in the middle brought to its end. */
  settle = (): Promise<void> => this.removals.alone(this.path, () => Promise.resolve());
}

const first = (found: readonly LinkedWorktree[]): LinkedWorktree[] => {
  const [one] = found;
  if (one === undefined) throw new Error('there is none');
  return [one];
};

/** What a judge does who minds changes. */
export const clean = ({ changes }: WorktreeState): void => {
  if (changes?.count !== 0) throw new Error(`it holds ${String(changes?.files)}`);
};
