import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { components } from '../src/client/schema.generated.js';
import { DutiesService } from '../src/duties/duties.service.js';
import { SnapshotSweepDuty } from '../src/executions/snapshot-sweep.duty.js';
import { newId } from '../src/ids.js';
import { eventually } from './eventually.js';
import { figure } from './figures.js';
import { registerWorker, type TestWorker } from './fleet.js';
import { RunnerInProcess } from './runner-in-process.js';
import { packOf, RunningSite, type Forecast } from './running-site.js';
import { git, GIT_ENVIRONMENT } from './scratch-git.js';

type Worktree = components['schemas']['Worktree'];

let site: RunningSite;
let runner: RunnerInProcess;

beforeAll(async () => {
  site = await RunningSite.open();
  runner = new RunnerInProcess(site.server, site.server.url, {
    ...{ MIYABI_KEY: site.ada.token, MIYABI_WORKER_SCOPE: 'organization', MIYABI_WORKER_NAME: 'looks' },
    ...{ MIYABI_CAPACITY: '4', MIYABI_LABELS: 'looks', LOOK_SECONDS: '0.5', INVENTORY_SECONDS: '3600' },
  });
});
afterAll(async () => {
  await runner.remove();
  await site.close();
});

/** What a script waits with until the test lets it go on. */
function gate(): { wait: string; open: () => void } {
  const path = join(site.scratch.path, newId());
  return { wait: `until [ -e '${path}' ]; do sleep 0.05; done`, open: () => writeFileSync(path, '') };
}

/** Has an agent of the real worker run a script in its checkout; gives the execution once it runs. */
async function working(repository_id: string | null, script: string): Promise<string> {
  const task_id = await site.ada.task({
    ...(repository_id === null ? {} : { repository_id }),
    ...{ agent_type: 'script', required_labels: ['looks'], metadata: { command: ['bash', '-c', script] } },
  });
  let id = '';
  await eventually('the task runs', async () => {
    const { current_execution_id, status } = (await site.ada.get(`/tasks/${task_id}`)).body;
    id = String(current_execution_id);
    return status === 'running';
  });
  return id;
}

const find = async (id: string): Promise<Worktree | null> => {
  const { status, body } = await site.ada.get(`/worktrees/${id}`);
  return status === 200 ? (body as unknown as Worktree) : null;
};
const ended = (id: string): Promise<void> =>
  eventually('it has ended', async () => (await site.ada.get(`/executions/${id}`)).body['status'] !== 'running');

/** Whatever an agent could notice: its status, its index to the byte, its references and their logs. */
function stateOf(checkout: string): unknown {
  const index = readFileSync(join(checkout, '.git/index')).toString('base64');
  const asked = (...args: string[]): string =>
    execFileSync('git', args, { cwd: checkout, env: GIT_ENVIRONMENT }).toString();
  const refs = asked('for-each-ref');
  const logs = asked('reflog', '--all');
  // Last, as it writes the index where it may.
  return { index, refs, logs, status: asked('--no-optional-locks', 'status', '--porcelain') };
}

it('agents that change the same files are foretold to conflict while they work, by what is committed and what is not', async () => {
  const { id, source } = await site.repository();
  const [first, second, third, late] = [gate(), gate(), gate(), gate()];
  const committed = await working(id, `echo mine > one; git add .; git commit -qm mine; ${first.wait}`);
  const written = await working(id, `echo yours > one; echo new > added; ${late.wait}; rm one; ${second.wait}`);
  const apart = await working(id, `echo apart > two; ${third.wait}`);
  let forecast: Forecast = { executions: [], pairs: [], truncated: false, clean_pairs: 0 };
  await eventually('all are seen at work', async () => {
    forecast = await site.foretell(id);
    const changed = Object.fromEntries(forecast.executions.map((one) => [one.execution_id, one.files_changed]));
    return changed[committed] === 1 && changed[written] === 2 && changed[apart] === 1;
  });
  expect(forecast.clean_pairs).toBe(2);
  expect(forecast.pairs).toEqual([
    {
      execution_ids: expect.arrayContaining([committed, written]) as unknown,
      ...{ verdict: 'conflict', conflicts: ['one'], conflict_count: 1, paths_in_common: ['one'], common_count: 1 },
    },
  ]);
  for (const head of forecast.executions)
    expect(head).toMatchObject({ seen_in: 'checkout', commit_sha: null, seen_at: expect.any(String) as unknown });

  // Nothing that lists what there is in the repository knows of it.
  const { body: branches } = await site.ada.get(`/repositories/${id}/branches`);
  expect((branches as unknown as { items: { name: string }[] }).items.map(({ name }) => name)).toEqual(['main']);
  const { body: logs } = await site.ada.get(`/logs?repository_id=${id}`);
  expect((logs as unknown as { items: unknown[] }).items).toHaveLength(1);
  const mirror = join(site.scratch.path, 'mirrors', `${id}.git`);
  expect(git(mirror, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
  expect(readdirSync(join(site.scratch.path, 'mirrors/.views'))).toEqual([]);

  // What an agent is at can be read like anything that was pushed.
  for (const read of [`/executions/${written}/diff`, `/worktrees/${written}/diff`]) {
    const { status, body } = await site.ada.get(read);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        ...{ seen_in: 'checkout', seen_at: expect.any(String) as unknown, base_from: 'default_branch' },
        ...{ base_sha: git(source, 'rev-parse', 'HEAD'), files: [{ path: 'added' }, { path: 'one' }] },
      },
    });
  }

  // The next looks change nothing for the agent.
  const { path } = (await find(committed)) as Worktree;
  const before = stateOf(path);
  const { seen_at } = forecast.executions.find(({ execution_id }) => execution_id === written) ?? {};
  late.open();
  await eventually('what one did since is seen', async () => {
    forecast = await site.foretell(id);
    const head = forecast.executions.find(({ execution_id }) => execution_id === written);
    return String(head?.seen_at) > String(seen_at) && forecast.pairs[0]?.verdict === 'conflict';
  });
  expect(stateOf(path)).toEqual(before);

  // A refresh of the mirror takes nothing of it away.
  writeFileSync(join(source, 'two'), 'moved on\n');
  git(source, 'commit', '-qam', 'feat: second');
  expect((await site.ada.post(`/repositories/${id}/sync`, {})).status).toBe(200);
  expect((await site.foretell(id)).pairs).toHaveLength(1);

  first.open();
  await ended(committed);
  expect(await site.foretell(id)).toMatchObject({ pairs: [], executions: [{}, {}] });
  const kept = join(site.scratch.path, 'mirrors/.snapshots', id);
  const sweep = (): Promise<void> =>
    site.server.app.get(DutiesService).runOnce(site.server.app.get(SnapshotSweepDuty, { strict: false }));
  await sweep();
  expect(readdirSync(kept)).toContain(committed);
  await site.server.sql.query(`update agent_executions set finished_at = now() - interval '1 hour' where id = $1`, [
    committed,
  ]);
  await sweep();
  await eventually('its snapshot is removed', () => !readdirSync(kept).includes(committed));
  expect(readdirSync(kept).sort()).toEqual([written, apart].sort());
  second.open();
  third.open();
  await Promise.all([ended(written), ended(apart)]);
  await site.server.sql.query(
    `update agent_executions set finished_at = now() - interval '1 hour' where repository_id = $1`,
    [id],
  );
  await sweep();
  await eventually('nothing is left', () => !existsSync(kept));
  expect((await site.server.sql.query('select * from execution_sights')).rows).toEqual([]);
});

it('a running checkout is told as it is, soon after it was made, and nothing is told that nobody has seen', async () => {
  const { id, source } = await site.repository();
  const base = git(source, 'rev-parse', 'HEAD');
  const [write, add, move, end] = [gate(), gate(), gate(), gate()];
  const commit = `${add.wait}; git add .; git commit -qm x; git checkout -qb elsewhere`;
  const script = `${write.wait}; echo x > x; ${commit}; ${move.wait}; git checkout -q --detach; ${end.wait}`;
  const began = performance.now();
  const execution = await working(id, script);
  let found: Worktree | null = null;
  const seen = (what: string, facts: Partial<Worktree>): Promise<void> =>
    eventually(what, async () => {
      found = await find(execution);
      return (
        found !== null && Object.entries(facts).every(([name, value]) => found?.[name as keyof Worktree] === value)
      );
    });
  await seen('the checkout is told', { head_sha: base, dirty: false, unpushed: false });
  figure(null, 'a new checkout is told to the server within, ms', Math.round(performance.now() - began));
  await seen('it is told whether it is merged', { merged: true });
  expect(found).toMatchObject({ kept_because: null, would_lose: [], worker_id: expect.any(String) as unknown });
  const { changed_at } = found as unknown as Worktree;
  write.open();
  await seen('what it wrote is seen', { head_sha: base, dirty: true, unpushed: false });
  expect(Date.parse((found as unknown as Worktree).changed_at)).toBeGreaterThan(Date.parse(changed_at));
  expect(found).toMatchObject({ would_lose: ['changes that are in no commit'] });
  add.open();
  await seen('what it committed is seen', { dirty: false, unpushed: true, merged: false, branch: 'elsewhere' });
  expect(found).toMatchObject({ would_lose: ['commits that were not pushed'] });
  move.open();
  await seen('it is seen that it is on no branch', { branch: null });
  end.open();
  await ended(execution);
});

it('a worker may tell what a checkout holds in its own way, and only while the execution is its own and runs', async () => {
  const { id, source } = await site.repository();
  const { id: execution } = await site.execution(id);
  const send = (commit: string, pack: Buffer | '' = '', by = site.worker, of = execution): Promise<string> =>
    site.send(id, of, commit, pack, by);
  const base = git(source, 'rev-parse', 'HEAD');
  expect((await site.foretell(id)).executions).toMatchObject([{ seen_in: null, seen_at: null, files_changed: null }]);
  // Until the repository was fetched there is nothing that a snapshot could be compared with.
  expect(await send(base)).toBe('204');
  expect((await site.foretell(id)).executions).toMatchObject([{ seen_in: 'checkout', files_changed: 0 }]);

  const elsewhere = site.scratch.repository('elsewhere', []);
  git(elsewhere, 'fetch', '-q', source, 'HEAD');
  git(elsewhere, 'checkout', '-q', 'FETCH_HEAD');
  writeFileSync(join(elsewhere, 'one'), 'changed\n');
  git(elsewhere, 'commit', '-qam', 'wip');
  const wip = git(elsewhere, 'rev-parse', 'HEAD');
  const pack = packOf(elsewhere, `${wip}\n^${base}\n`);
  expect(await send(wip)).toBe('409 git/snapshot-unknown');
  expect(await send(wip, pack.subarray(0, -30))).toBe('400 git/request-refused');
  expect(await send(wip, Buffer.from('no pack at all'))).toBe('400 git/request-refused');
  // One that leads to what nobody has.
  writeFileSync(join(elsewhere, 'two'), 'changed\n');
  git(elsewhere, 'commit', '-qam', 'more');
  const more = git(elsewhere, 'rev-parse', 'HEAD');
  expect(await send(more, packOf(elsewhere, `${more}\n^${wip}\n`))).toBe('400 git/request-refused');
  expect(await send('main', pack)).toBe('400 git/request-refused');
  expect(await send(wip, pack)).toBe('204');
  expect(await send(wip)).toBe('204');
  expect((await site.foretell(id)).executions).toMatchObject([
    { seen_in: 'checkout', files_changed: 1, commit_sha: null },
  ]);
  // It is no commit of the repository.
  expect((await site.ada.get(`/repositories/${id}/commits/${wip}`)).status).toBe(404);

  const other: TestWorker = await registerWorker(site.server, {}, site.ada.token);
  expect(await send(wip, pack, other)).toBe('401 git/unauthenticated');
  expect(await send(wip, pack, site.worker, newId())).toBe('401 git/unauthenticated');
  await site.worker.finish(execution, { outcome: 'completed' });
  expect(await send(wip, pack)).toBe('409 execution/lease-lost');
  expect((await site.foretell(id)).executions).toEqual([]);
});
