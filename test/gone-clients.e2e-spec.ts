import { rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { newId } from '../src/ids.js';
import { registerWorker } from './fleet.js';
import { liveProcesses, until } from './git-processes.js';
import { HistorySite, pushed, save, type Page } from './history-site.js';
import { GONE_MS, measured, promiseTime, type Measured } from './promised-time.js';
import { endless, withGit } from './replaced-git.js';
import { git } from './scratch-git.js';

let site: HistorySite;
let id: string;
let sha: string;
let worktree: string;
let execution: string;
const ends: Measured[] = [];

beforeAll(async () => {
  site = await HistorySite.start();
  const source = site.source();
  save(source, { a: 'one\n' }, 'one');
  git(source, 'tag', 'v1');
  sha = save(source, { a: 'two\n' }, 'two');
  git(source, 'tag', 'v2');
  const path = join(site.scratch.path, 'roots', newId());
  git(source, 'worktree', 'add', '-q', '-b', 'linked', path);
  save(path, { b: 'new\n' }, 'three');
  id = await site.register(source);
  worktree = (await site.read<Page<{ id: string }>>(`/worktrees?repository_id=${id}`)).items[0]?.id ?? '';
  const worker = await registerWorker(site.server);
  for (const text of ['mine', 'yours']) {
    await site.person.task({ repository_id: id });
    const [claimed] = await worker.claim();
    const checkout = join(site.scratch.path, `checkout-${text}`);
    git(site.scratch.path, 'clone', '-q', source, checkout);
    save(checkout, { a: text }, text);
    execution = String(claimed?.execution_id);
    const address = site.server.url.replace('http://', `http://${execution}:${worker.token}@`);
    await pushed(checkout, `${address}/git/${id}.git`, String(claimed?.branch));
  }
});
afterAll(() => site.stop());

/** What the server has at work in git, wherever it has put the directory for it. */
const working = (command: string) =>
  liveProcesses().filter(
    (one) => one.command.includes(`--git-dir=${site.scratch.path}`) && one.command.includes(` ${command} `),
  );

it.each([
  ['rev-list', 'the commits', () => `/repositories/${id}/commits`],
  ['cat-file', 'the commits', () => `/repositories/${id}/commits`],
  ['--shortstat', 'the commits', () => `/repositories/${id}/commits`],
  ['for-each-ref', 'the branches', () => `/repositories/${id}/branches`],
  ['rev-list', 'the branches', () => `/repositories/${id}/branches`],
  ['--patch', 'the diff of a commit', () => `/repositories/${id}/commits/${sha}`],
  ['--patch', 'the diff of an execution', () => `/executions/${execution}/diff`],
  ['for-each-ref', 'the deployments', () => `/deployments?repository_id=${id}`],
  ['--left-right', 'what is between two versions', () => `/deployments/compare?repository_id=${id}&from=v1&to=v2`],
  ['merge-base', 'what is between two versions', () => `/deployments/compare?repository_id=${id}&from=v1&to=v2`],
  ['cat-file', 'what is between two versions', () => `/deployments/compare?repository_id=${id}&from=v1&to=v2`],
  ['worktree', 'the worktrees', () => `/worktrees?repository_id=${id}`],
  ['status', 'the worktrees', () => `/worktrees?repository_id=${id}`],
  ['rev-list', 'a worktree', () => `/worktrees/${worktree}`],
  ['--patch', 'the diff of a worktree', () => `/worktrees/${worktree}/diff`],
  ['diff-tree', 'what conflicts', () => `/repositories/${id}/conflicts`],
  ['merge-tree', 'what conflicts', () => `/repositories/${id}/conflicts`],
])('a client that goes away ends the %s that worked for %s', async (command, _, path) => {
  const mirror = site.mirrorOf(id);
  rmSync(join(mirror, 'history'), { recursive: true, force: true });
  // What was read of the references before is not remembered of what they are now, nor what is between the two.
  git(mirror, 'branch', `of-${newId()}`, git(mirror, 'commit-tree', '-m', newId(), 'main^{tree}'));
  writeFileSync(join(mirror, 'shallow'), '');
  await withGit(site.scratch, endless(command), async () => {
    const headers = { authorization: `Bearer ${site.person.token}` };
    const call = request(`${site.server.url}/api/v1${path()}`, { headers });
    call.on('error', () => undefined).end();
    await until(() => working(command).length > 0);
    const end = measured(async () => {
      call.destroy();
      await until(() => working(command).length === 0);
    }, 1);
    ends.push(await end);
  });
  expect(working(command)).toEqual([]);
});

it('ends each of them in time', () => {
  const slowest = ends.reduce((one, other) => (one.ms / one.crowding > other.ms / other.crowding ? one : other));
  promiseTime(
    `git: of ${String(ends.length)} kinds of it, clients gone: the slowest has ended after`,
    slowest,
    GONE_MS,
  );
});
