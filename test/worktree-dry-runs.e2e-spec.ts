import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bytePath } from '../src/git/byte-path.js';
import { CAUSE_DETAILS } from '../src/git/git-causes.js';
import { asideOf } from '../src/git/local-worktrees.service.js';
import { eventually } from './eventually.js';
import { LinkedSite } from './linked-site.js';
import { commit, git } from './scratch-git.js';

let site: LinkedSite;
const children: ChildProcess[] = [];

beforeAll(async () => {
  site = await LinkedSite.open();
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await site.close();
});

interface Place {
  /** The repository. */
  path: string;
  /** The linked work tree, on a detached HEAD. */
  at: string;
  /** What git keeps about it. */
  folder: string;
}

const NOT_PLAIN = /^it could not be looked at: What the repository keeps about it is not as git writes it/;

/** How a linked work tree may be found, and why it stays; null where nothing speaks for that. */
const STATES: Readonly<Record<string, readonly [(of: Place) => unknown, RegExp | null]>> = {
  untouched: [() => undefined, null],
  merged: [({ at }) => git(at, 'switch', '-q', '-c', 'merged'), null],
  ignored: [({ at }) => writeFileSync(join(at, 'x.o'), ''), null],
  gone: [({ at }) => rmSync(at, { recursive: true }), null],
  forgotten: [({ at }) => renameSync(at, `${at}-moved`), null],
  new: [({ at }) => writeFileSync(join(at, 'notes'), ''), /^1 file in no commit: notes$/],
  changed: [({ at }) => writeFileSync(join(at, 'file'), 'two\n'), /^1 file in no commit: file$/],
  staged: [
    ({ at }) => {
      writeFileSync(join(at, 'file'), 'two\n');
      git(at, 'add', '.');
    },
    /^1 file in no commit: file$/,
  ],
  hidden: [
    ({ at }) => {
      git(at, 'update-index', '--assume-unchanged', 'file');
      writeFileSync(join(at, 'file'), 'two\n');
    },
    /^1 file in no commit: file$/,
  ],
  alone: [({ at }) => commit(at, 'alone'), /^1 commit that is nowhere else/],
  unborn: [({ at }) => git(at, 'switch', '-q', '--orphan', 'unborn'), null],
  bisected: [({ folder }) => writeFileSync(join(folder, 'BISECT_START'), 'main\n'), /^a bisection that is under way$/],
  'gone-bisected': [
    ({ at, folder }) => {
      writeFileSync(join(folder, 'BISECT_START'), 'main\n');
      rmSync(at, { recursive: true });
    },
    /^a bisection that is under way$/,
  ],
  nested: [({ at }) => git(at, 'init', '-q', 'deps.o'), /^a repository of its own at deps.o; 1 ignored/],
  bare: [({ at }) => git(at, 'init', '-q', '--bare', 'deps.o/a'), /^a repository of its own at deps.o\/a; 1 ignored/],
  modules: [
    ({ folder }) => mkdirSync(join(folder, 'modules/a'), { recursive: true }),
    /^the repository of the submodule a, which git keeps apart$/,
  ],
  surrounding: [
    ({ path, at }) => git(path, 'worktree', 'add', '-q', '--detach', join(at, 'inner.o')),
    /^the work tree at .*inner.o lies in it$/,
  ],
  locked: [({ path, at }) => git(path, 'worktree', 'lock', '--reason', 'mine', at), /^it is locked: mine$/],
  busy: [({ folder }) => writeFileSync(join(folder, 'index.lock'), ''), /^git works in it, or was ended in it/],
  occupied: [
    ({ at }) => children.push(spawn('sleep', ['600'], { cwd: at, stdio: 'ignore' })),
    /^a process works in it: \S+ \(\d+\)$/,
  ],
  blocked: [
    ({ at, folder }) => mkdirSync(asideOf({ path: bytePath(at), folder: bytePath(folder) }).toString()),
    /^something is in the way, at /,
  ],
  'other-common': [({ folder }) => writeFileSync(join(folder, 'commondir'), '/elsewhere\n'), NOT_PLAIN],
  'linked-head': [
    ({ folder }) => {
      renameSync(join(folder, 'HEAD'), join(folder, 'MY_HEAD'));
      symlinkSync('MY_HEAD', join(folder, 'HEAD'));
    },
    NOT_PLAIN,
  ],
  replaced: [
    ({ at }) => {
      renameSync(at, `${at}-moved`);
      mkdirSync(at);
    },
    /^it could not be looked at: What is at its path is not this work tree/,
  ],
  outside: [
    ({ folder }) => writeFileSync(join(folder, 'gitdir'), '/etc/.git\n'),
    /^it could not be looked at: It is outside of/,
  ],
  damaged: [({ folder }) => writeFileSync(join(folder, 'index'), 'no index'), /^it could not be looked at: /],
};
const NAMES = Object.keys(STATES);
const GROUPS = [0, 1, 2, 3].map((group) => NAMES.filter((_, at) => at % 4 === group));

it.each(GROUPS.map((names) => [names.join(', '), names] as const))(
  'a dry run decides as a clean-up does, for the same reason: %s',
  async (_, names) => {
    const { id, path, beside } = await site.place({ '.gitignore': '*.o\n' });
    for (const name of names) git(path, 'worktree', 'add', '-q', '--detach', beside(name));
    for (const name of names) STATES[name]?.[0]({ path, at: beside(name), folder: join(path, '.git/worktrees', name) });
    type Told = Record<string, { outcome: string; because: string }>;
    const decide = async (dry_run: boolean): Promise<Told> => {
      const decisions = await site.cleanUp(id, dry_run, { unused_for_seconds: 0 });
      return Object.fromEntries(
        decisions.map((one) => [basename(one.path), { outcome: one.outcome, because: one.because }]),
      );
    };
    let planned: Told = {};
    // A machine that is very slow may not get to all of them in time.
    await eventually('all are looked at', async () => {
      planned = await decide(true);
      return !Object.values(planned).some(({ because }) => because.includes(CAUSE_DETAILS.timeout));
    });
    const done: Told = {};
    await eventually('all are removed that can be', async () => {
      const now = await decide(false);
      for (const [name, one] of Object.entries(now))
        if (one.outcome !== 'postponed' && !one.because.includes(CAUSE_DETAILS.timeout)) done[name] ??= one;
      return Object.keys(done).length === Object.keys(planned).length;
    });
    const asDone = Object.entries(planned).map(([name, { outcome, because }]) => [
      name,
      { outcome: outcome === 'would_be_removed' ? 'removed' : outcome, because },
    ]);
    expect(done).toEqual(Object.fromEntries(asDone));
    for (const name of names) {
      const because = STATES[name]?.[1];
      const told = planned[name === 'outside' ? 'etc' : name];
      expect([name, told?.outcome]).toEqual([name, because === null ? 'would_be_removed' : 'kept']);
      if (because != null) expect(told?.because).toMatch(because);
      expect(existsSync(join(path, '.git/worktrees', name))).toBe(because !== null);
    }
  },
);
