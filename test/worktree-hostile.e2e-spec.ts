import { chmodSync, existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { figure } from './figures.js';
import { LinkedSite } from './linked-site.js';
import { commit, git, GIT_ENVIRONMENT } from './scratch-git.js';

let site: LinkedSite;

beforeAll(async () => {
  site = await LinkedSite.open();
});
afterAll(() => site.close());

/** Settings by which git starts a program; `%` stands for the program. */
const VECTORS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  fsmonitor: [['core.fsmonitor', '%']],
  hooks: [['core.hooksPath', '%-hooks']],
  clean: [
    ['filter.evil.clean', '%'],
    ['filter.evil.required', 'true'],
  ],
  smudge: [['filter.evil.smudge', '%']],
  process: [['filter.served.process', '%']],
  diff: [['diff.external', '%']],
  textconv: [['diff.evil.textconv', '%']],
  command: [['diff.evil.command', '%']],
  merge: [['merge.evil.driver', '%']],
  editor: [
    ['core.editor', '%'],
    ['sequence.editor', '%'],
  ],
  pager: [
    ['core.pager', '%'],
    ['pager.status', '%'],
    ['pager.diff', '%'],
  ],
  signing: [
    ['gpg.program', '%'],
    ['commit.gpgSign', 'true'],
  ],
  transport: [
    ['core.sshCommand', '%'],
    ['core.gitProxy', '%'],
    ['uploadpack.packObjectsHook', '%'],
  ],
  credentials: [
    ['credential.helper', '!%'],
    ['core.askPass', '%'],
  ],
  alternates: [['core.alternateRefsCommand', '%']],
  aliases: [
    ['alias.status', '!%'],
    ['alias.worktree', '!%'],
    ['alias.read-tree', '!%'],
  ],
  submodule: [['submodule.inner.update', '!%']],
  inner: [],
  include: [],
  worktree: [],
};

interface Trap {
  id: string;
  path: string;
  worktree: string;
  sprung: () => string[];
}

let counter = 0;

/** A repository that is set up to run programs whenever git works in it, with a work tree that has all to lose. */
async function trap(): Promise<Trap> {
  const { scratch } = site;
  const base = scratch.directory(`roots/trap-${String(counter++)}`);
  const path = join(base, 'repository');
  const worktree = join(base, 'worktree');
  const canaries = scratch.directory(`canaries-${String(counter)}`);
  const programs = scratch.directory(`programs-${String(counter)}`);
  const program = (name: string): string => {
    const file = join(programs, name);
    writeFileSync(file, `#!/bin/sh\ntouch '${canaries}/${name}'\ncat 2>/dev/null\n`);
    chmodSync(file, 0o755);
    return `'${file}'`;
  };
  mkdirSync(path);
  git(path, 'init', '-q', '-b', 'main');
  for (const name of ['file', 'served', 'other']) writeFileSync(join(path, name), `${name}\n`);
  writeFileSync(join(path, '.gitattributes'), '* filter=evil diff=evil merge=evil\nserved filter=served\n');
  writeFileSync(join(path, '.gitmodules'), '[submodule "inner"]\n\tpath = inner\n\turl = ./inner\n');
  mkdirSync(join(path, 'inner'));
  git(join(path, 'inner'), 'init', '-q', '-b', 'main');
  commit(join(path, 'inner'), 'inner');
  git(path, 'add', '.');
  commit(path, 'feat: first');
  git(path, 'worktree', 'add', '-q', '-b', 'work', worktree);
  git(join(worktree, 'inner'), 'init', '-q', '-b', 'main');
  commit(join(worktree, 'inner'), 'inner');
  // Same size, other time: git must read it to know.
  writeFileSync(join(worktree, 'file'), 'mine\n');
  for (const name of ['served', 'other']) utimesSync(join(worktree, name), 1_700_000_000, 1_700_000_000);

  const set = (file: string, key: string, value: string): string => git(path, 'config', '--file', file, key, value);
  const config = join(path, '.git/config');
  for (const [name, settings] of Object.entries(VECTORS))
    for (const [key, value] of settings) {
      const own = value === '%-hooks' ? join(programs, 'hooks') : value.replace('%', program(name));
      set(config, key, value === '%-hooks' ? own : own);
    }
  const hooks = [
    ...['post-checkout', 'post-index-change', 'reference-transaction', 'pre-commit', 'post-commit', 'pre-auto-gc'],
    ...['fsmonitor-watchman', 'post-merge', 'sendemail-validate'],
  ];
  for (const folder of [join(programs, 'hooks'), join(path, '.git/hooks')]) {
    mkdirSync(folder, { recursive: true });
    for (const hook of hooks) {
      writeFileSync(join(folder, hook), `#!/bin/sh\ntouch '${canaries}/hook-${hook}'\n`);
      chmodSync(join(folder, hook), 0o755);
    }
  }
  // Further files that git would read.
  set(join(path, '.git/more'), 'core.fsmonitor', program('include'));
  set(config, 'include.path', 'more');
  set(config, 'extensions.worktreeConfig', 'true');
  for (const folder of [join(path, '.git'), join(path, '.git/worktrees/worktree')])
    set(join(folder, 'config.worktree'), 'core.fsmonitor', program('worktree'));
  for (const place of [path, worktree]) set(join(place, 'inner/.git/config'), 'core.fsmonitor', program('inner'));
  return { id: await site.register(path), path, worktree, sprung: () => readdirSync(canaries).sort() };
}

/** What one would do by hand; failures do not matter. */
function byHand(cwd: string, ...args: string[]): void {
  try {
    execFileSync('git', args, { cwd, env: GIT_ENVIRONMENT, stdio: 'ignore', timeout: 20_000 });
  } catch {
    // A trap that springs may well fail the command.
  }
}

it('nothing that a repository configures runs, whatever is done with its work trees', async () => {
  const { id, path, worktree, sprung } = await trap();
  let visits = 0;
  const done = (answer: { status: number }, status: number): void => {
    expect(answer.status).toBe(status);
    visits += 1;
    expect(sprung()).toEqual([]);
  };
  const [one] = await site.list(id);
  expect(one).toMatchObject({ path: worktree, dirty: true, problem: null, merged: true });
  expect(one?.would_lose).toEqual(['1 file in no commit: file', 'a repository of its own at inner']);
  const at = `/worktrees/${one?.id ?? ''}`;
  done(await site.ada.get(at), 200);
  done(await site.ada.get(`${at}/diff`), 200);
  done(await site.ada.post('/worktrees/cleanup', { dry_run: true, repository_id: id, unused_for_seconds: 0 }), 200);
  done(await site.ada.post('/worktrees', { repository_id: id, branch: 'fresh' }), 201);
  done(await site.ada.post('/worktrees', { repository_id: id }), 201);
  expect((await site.list(id)).map(({ dirty }) => dirty)).toEqual([false, false, true]);
  done(await site.ada.delete(at), 409);
  done(await site.ada.post('/worktrees/cleanup', { dry_run: false, repository_id: id, unused_for_seconds: 0 }), 200);
  expect(await site.list(id)).toHaveLength(1);
  done(await site.ada.delete(`${at}?force=true`), 204);
  expect(existsSync(worktree)).toBe(false);
  const canaries = sprung();
  figure(
    18,
    'hooks and settings of a repository with work trees that ran',
    canaries.length,
    'of',
    Object.keys(VECTORS).length,
    'kinds',
  );
  expect({ visits, canaries }).toEqual({ visits: 8, canaries: [] });
  expect(git(path, '-c', 'core.fsmonitor=false', 'branch', '--list', 'work', 'fresh').split('\n')).toHaveLength(2);
});

it('control: git by hand springs them', async () => {
  const { path, worktree, sprung } = await trap();
  byHand(worktree, 'status');
  byHand(worktree, 'diff');
  byHand(
    path,
    '-c',
    'core.fsmonitor=false',
    '-c',
    'diff.external=',
    'worktree',
    'add',
    '-q',
    '--detach',
    `${worktree}-2`,
  );
  byHand(worktree, '-c', 'core.fsmonitor=false', 'diff', '--no-ext-diff', '--textconv');
  byHand(worktree, '-c', 'core.fsmonitor=false', 'add', 'file', 'served');
  const seen = sprung();
  figure(18, 'control: kinds that run when git works in there by hand', seen.length);
  for (const name of ['clean', 'hook-post-index-change', 'smudge', 'process', 'hook-post-checkout'])
    expect(seen).toContain(name);
  expect(seen.some((name) => ['fsmonitor', 'include', 'worktree'].includes(name))).toBe(true);
});
