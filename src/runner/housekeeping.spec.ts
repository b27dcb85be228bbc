import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gitIn } from '../../test/bare-repository.js';
import { idOf, RunnerSite, until } from '../../test/runner-site.js';
import type { Grant, WorktreeReport } from './protocol.js';

describe('The house of a runner', () => {
  let site: RunnerSite;
  beforeEach(async () => {
    site = await RunnerSite.open();
  });
  afterEach(() => site.close());

  const told = (grant: Grant): WorktreeReport | undefined =>
    site.server.worktrees.at(-1)?.find(({ execution_id }) => execution_id === idOf(grant));
  const cacheOf = (grant: Grant): string => join(site.directory, 'cache', `${grant.repository?.id ?? ''}.git`);
  const keepsBranches = (): Promise<void> =>
    writeFile(join(site.origin, 'hooks', 'pre-receive'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });

  it('tells the server of each checkout that stays, what it holds and why, also after a restart', async () => {
    await keepsBranches();
    const { runner, ended } = site.start();
    const unpushed = site.give('echo x > x');
    await site.server.finished(idOf(unpushed));
    await site.server.until(() => told(unpushed)?.kept_because != null);
    const report = told(unpushed);
    expect(report).toMatchObject({
      path: join(site.folder(unpushed), 'checkout'),
      branch: unpushed.branch,
      head_sha: gitIn(join(site.folder(unpushed), 'checkout'), 'rev-parse', 'HEAD'),
      ...{ dirty: false, unpushed: true, merged: false },
      kept_because: expect.stringContaining('its branch was not pushed') as unknown,
    });
    expect(report?.size_bytes).toBeGreaterThan(10_000);
    runner.stop();
    await ended;
    const before = site.server.worktrees.length;
    site.start();
    await site.server.until(() => site.server.worktrees.length > before);
    expect(told(unpushed)).toEqual(report);
  });

  it('says that one is dirty when not all of it could be committed, and takes nothing for safe that nobody has seen', async () => {
    site.start({ MAX_FILE_BYTES: '10' });
    const large = site.give('echo more than ten bytes > large; echo x > x');
    await site.server.finished(idOf(large));
    await site.server.until(() => told(large)?.kept_because != null);
    expect(told(large)).toMatchObject({ dirty: true, unpushed: false, branch: large.branch });
    const gate = site.gate();
    const running = site.give(gate.wait);
    await site.server.until(() => site.messages(running, 'system').some((line) => line.startsWith('Starting')));
    site.server.lost.add(idOf(running));
    await site.server.until(() => told(running)?.kept_because != null);
    expect(told(running)).toMatchObject({ dirty: true, unpushed: true, head_sha: null });
    await gate.open();
  });

  it('removes what the server asks for, but nothing that holds work of its own', async () => {
    site.start({ MAX_FILE_BYTES: '10' });
    const dirty = site.give('echo more than ten bytes > large');
    await site.server.finished(idOf(dirty));
    await site.server.until(() => told(dirty)?.kept_because != null);
    await keepsBranches();
    const merged = site.give('echo y > y');
    await site.server.finished(idOf(merged));
    await site.server.until(() => told(merged)?.kept_because != null);
    site.server.removeWorktrees.add(idOf(dirty));
    site.server.removeWorktrees.add(idOf(merged));
    const next = async (): Promise<void> => {
      const other = site.give('true');
      await site.server.finished(idOf(other));
      await until(() => !existsSync(site.folder(other)));
      const count = site.server.worktrees.length;
      await site.server.until(() => site.server.worktrees.length > count);
    };
    await next();
    const stayed = (why: string): boolean =>
      site.logged.some((line) => line.includes('was to be removed, and stays') && line.includes(why));
    await until(() => stayed('commits that are nowhere else') && stayed('changes that are in no commit'));
    expect([existsSync(site.folder(dirty)), existsSync(site.folder(merged))]).toEqual([true, true]);
    // Somebody brings the commits to the default branch.
    gitIn(site.origin, 'fetch', '-q', join(site.folder(merged), 'checkout'), `${merged.branch}:refs/heads/main`);
    await next();
    await until(() => !existsSync(site.folder(merged)));
    expect(existsSync(site.folder(dirty))).toBe(true);
  });

  it('lets a cache go when the budget is used up, and fetches it again when it is needed', async () => {
    site.start({ DISK_BUDGET: '1' });
    const grant = site.give('true');
    await site.server.finished(idOf(grant));
    await until(() => !existsSync(cacheOf(grant)));
    const other = site.give('cat README.md');
    expect(await site.server.finished(idOf(other))).toMatchObject({ outcome: 'completed' });
    expect(site.messages(other)).toEqual(['hello']);
  });

  it('pauses itself after three failures of its own in a row, says why, and goes on when it is resumed', async () => {
    site.start({ MIYABI_CAPACITY: '1' });
    const give = (): Grant => site.give('', { task: { metadata: { command: ['no-such-program'] } } });
    for (const grant of [give(), give(), give()]) await site.server.finished(idOf(grant));
    await site.server.until(() => site.server.pause !== null);
    expect(site.server.pause?.note).toBe(
      'Paused by the worker itself: 3 failures of its own in a row (agent_missing, agent_missing, agent_missing), the last one: There is no program no-such-program on this worker.',
    );
    const waiting = site.give('echo back');
    const beats = site.server.heartbeats.length;
    await site.server.until(() => site.server.heartbeats.length > beats + 3);
    expect(site.messages(waiting)).toEqual([]);
    site.server.pause = null;
    expect(await site.server.finished(idOf(waiting))).toMatchObject({ outcome: 'completed' });
  });
});
