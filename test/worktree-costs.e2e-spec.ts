import { appendFileSync, existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { eventually } from './eventually.js';
import { figure } from './figures.js';
import { signInPerson } from './fleet.js';
import { HistorySite, save } from './history-site.js';
import { measured, promiseTime } from './promised-time.js';
import { withGit } from './replaced-git.js';
import { PATIENCE_MS } from './scale.js';
import { commit, git } from './scratch-git.js';
import type { WorktreeAnswer } from './worktree-site.js';

const WORKTREES = 16;
/** What is promised of a list, and of a clean-up of all of it. */
const LIST_MS = 1000;
const CLEANUP_MS = 2000;
/** For the repository: where it is, how it is configured, its work trees, and what is asked of all their commits at once. */
const FOR_ALL = 12;
const TWO_DAYS_AGO = Date.now() / 1000 - 2 * 86_400;

let site: HistorySite;
let source: string;
let id: string;

beforeAll(async () => {
  site = await HistorySite.start();
  source = site.source();
  save(source, { file: 'one\n', '.gitignore': 'ignored\n' }, 'feat: first');
  id = await site.register(source);
});
afterAll(() => site.stop());

/** Work trees that are not in use: on branches of their own, half of them with a commit that the default branch has too. */
function addAll(): void {
  for (let at = 0; at < WORKTREES; at += 1) {
    const name = `work-${newId()}`;
    const path = join(site.scratch.path, 'roots', name);
    git(source, 'worktree', 'add', '-q', '-b', name, path);
    if (at % 2 === 0) git(source, 'merge', '-q', '--ff-only', commit(path, `fix: ${name}`));
    for (const file of ['file', '.gitignore', '.git', '']) utimesSync(join(path, file), TWO_DAYS_AGO, TWO_DAYS_AGO);
  }
}

const COUNTING = 'echo "$*" >>"$here/calls"; exec "$real" "$@"';

/** How many times git is started for some work. */
async function startsIn(work: () => Promise<unknown>): Promise<number> {
  let starts = 0;
  await withGit(site.scratch, COUNTING, async (here) => {
    rmSync(join(here, 'calls'), { force: true });
    await work();
    const calls = join(here, 'calls');
    starts = existsSync(calls) ? readFileSync(calls, 'utf8').trimEnd().split('\n').length : 0;
  });
  return starts;
}

const list = (): Promise<WorktreeAnswer> => site.read<WorktreeAnswer>(`/worktrees?repository_id=${id}`);

async function cleanUp(): Promise<string[]> {
  const { status, body } = await site.person.post('/worktrees/cleanup', { dry_run: false, repository_id: id });
  expect(status).toBe(200);
  return (body['decisions'] as { outcome: string }[]).map(({ outcome }) => outcome);
}

it(
  'a list starts one git for each work tree and few for all of them, a clean-up two for each, and both are done in time',
  async () => {
    addAll();
    let items = 0;
    const starts = await startsIn(async () => (items = (await list()).items.length));
    figure(null, `git: processes for a list of ${String(WORKTREES)} worktrees`, starts);
    expect(items).toBe(WORKTREES);
    expect(starts).toBeLessThanOrEqual(WORKTREES + FOR_ALL);
    promiseTime(`git: a list of ${String(WORKTREES)} worktrees`, await measured(list), LIST_MS);
    let outcomes: string[] = [];
    let cleaning = 0;
    const time = await measured(async () => {
      cleaning = await startsIn(async () => (outcomes = await cleanUp()));
    }, 1);
    promiseTime(`git: a clean-up of ${String(WORKTREES)} worktrees`, time, CLEANUP_MS);
    figure(null, `git: processes for a clean-up of ${String(WORKTREES)} worktrees`, cleaning);
    // The list that it decides by, and two removals of several at once.
    expect(cleaning).toBeLessThanOrEqual(2 * WORKTREES + 3 * FOR_ALL);
    // On a machine that is very slow some are left for the next time, none is refused.
    expect(outcomes.filter((outcome) => outcome !== 'removed' && outcome !== 'postponed')).toEqual([]);
    while (outcomes.includes('postponed')) outcomes = await cleanUp();
    expect((await list()).items).toEqual([]);
  },
  PATIENCE_MS,
);

it('an index of any kind is understood: the files that git was told to pass over are looked at', async () => {
  const path = join(site.scratch.path, 'roots', 'hidden');
  git(source, 'worktree', 'add', '-q', '-b', 'hidden', path);
  git(path, 'update-index', '--assume-unchanged', 'file');
  writeFileSync(join(path, 'file'), 'hidden\n');
  const losses = async (): Promise<string[]> => (await list()).items.flatMap(({ would_lose }) => would_lose);
  const hidden = ['1 file in no commit: file'];
  expect(await losses()).toEqual(hidden);
  for (const args of [
    ['update-index', '--index-version', '4'],
    ['update-index', '--index-version', '3'],
    ['update-index', '--split-index'],
    ['update-index', '--no-split-index'],
    ['update-index', '--no-assume-unchanged', '--skip-worktree', 'file'],
  ]) {
    git(path, ...args);
    expect(await losses()).toEqual(hidden);
  }
  git(path, 'update-index', '--no-skip-worktree', 'file');
  appendFileSync(join(path, 'file'), 'more\n');
  expect(await losses()).toEqual(hidden);
});

it('of many repositories the newest are visited, the others named, and told is what is known of them', async () => {
  const person = await signInPerson(site.server);
  const paths = Array.from({ length: 21 }, () => site.source(['feat: first']));
  const repositories: string[] = [];
  for (const local_path of paths)
    repositories.push(String((await person.post('/repositories', { local_path })).body['id']));
  const [oldest = '', newest = ''] = [paths[0], paths.at(-1)];
  const [repository_id = ''] = repositories;
  git(oldest, 'worktree', 'add', '-q', '--detach', `${oldest}-wt`);
  const look = async (query = ''): Promise<WorktreeAnswer> => {
    let { status, body } = await person.get(`/worktrees${query}`);
    // A machine that is slower still may come to none of them in time.
    while (status === 503) ({ status, body } = await person.get(`/worktrees${query}`));
    expect(status).toBe(200);
    return body as unknown as WorktreeAnswer;
  };
  // A machine that is very slow may not get to all of the newest in time, which is told of them, too.
  const isNamed = ({ unread }: WorktreeAnswer): boolean =>
    (unread as { repository_id: string; code: string }[]).some(
      (one) => one.repository_id === repository_id && one.code === 'worktree/not-visited',
    );
  const first = await look();
  expect({ items: first.items, named: isNamed(first) }).toEqual({ items: [], named: true });
  const [worktree] = (await look(`?repository_id=${repository_id}`)).items;
  expect(worktree?.path).toBe(`${oldest}-wt`);
  await eventually('it is told with the others, and visited for that', async () => {
    const answer = await look();
    return answer.items.map(({ id: one }) => one).join() === worktree?.id && !isNamed(answer);
  });
  // Nothing of it is on this page, so nobody goes there.
  git(newest, 'worktree', 'add', '-q', '--detach', `${newest}-wt`);
  await eventually('the newest is told, and that nobody went to the oldest', async () => {
    const answer = await look('?limit=1');
    return answer.items.map(({ path: one }) => one).join() === `${newest}-wt` && isNamed(answer);
  });
});
