import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commitTo, gitIn } from '../../test/bare-repository.js';
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

  const stayed = (why: string): boolean =>
    site.logged.some((line) => line.includes('was to be removed, and stays') && line.includes(why));
  /** Somebody brings their commits to the default branch. */
  function merge(...grants: readonly Grant[]): void {
    for (const grant of grants)
      gitIn(
        site.origin,
        'fetch',
        '-q',
        join(site.folder(grant), 'checkout'),
        `${grant.branch}:refs/heads/${grant.branch}`,
      );
    const parents = ['main', ...grants.map(({ branch }) => branch)].flatMap((name) => ['-p', name]);
    const merged = gitIn(site.origin, 'commit-tree', '-m', 'merged', ...parents, 'main^{tree}');
    gitIn(site.origin, 'update-ref', 'refs/heads/main', merged);
  }
  /** Has the runner come round once more, by one that leaves nothing. */
  async function next(): Promise<void> {
    const other = site.give('true');
    await site.server.finished(idOf(other));
    await until(() => !existsSync(site.folder(other)));
    const count = site.server.worktrees.length;
    await site.server.until(() => site.server.worktrees.length > count);
  }

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
    expect(told(running)).toMatchObject({ dirty: null, unpushed: null, merged: null, head_sha: null });
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
    await next();
    await until(() => stayed('commits that are nowhere else') && stayed('changes that are in no commit'));
    expect([existsSync(site.folder(dirty)), existsSync(site.folder(merged))]).toEqual([true, true]);
    merge(merged);
    await next();
    await until(() => !existsSync(site.folder(merged)));
    expect(existsSync(site.folder(dirty))).toBe(true);
  });

  it('leaves a checkout alone that somebody works in since it was kept', async () => {
    site.start();
    await keepsBranches();
    const [looked, worked, committed] = [site.give('echo x > x'), site.give('echo y > y'), site.give('echo z > z')];
    const checkout = (grant: Grant): string => join(site.folder(grant), 'checkout');
    for (const grant of [looked, worked, committed]) {
      await site.server.finished(idOf(grant));
      await site.server.until(() => told(grant)?.kept_because != null);
    }
    gitIn(checkout(looked), 'status');
    await writeFile(join(checkout(worked), 'x'), 'mine\n');
    gitIn(checkout(committed), 'commit', '-q', '--allow-empty', '-m', 'mine');
    merge(looked, worked, committed);
    for (const grant of [looked, worked, committed]) site.server.removeWorktrees.add(idOf(grant));
    await next();
    await until(() => !existsSync(site.folder(looked)));
    await until(() => stayed('nobody has looked at what it holds'));
    expect([told(worked)?.dirty, told(committed)?.unpushed]).toEqual([null, null]);
    expect([existsSync(checkout(worked)), existsSync(checkout(committed))]).toEqual([true, true]);
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
    const program = await site.program('claude', 'case $1 in --version) echo 1.0.0 ;; esac');
    site.start({ MIYABI_CAPACITY: '1', PATH: site.path });
    await site.server.until(() => site.server.registrations[0]?.launchers?.[0]?.name === 'claude');
    await rm(program);
    const launch = { command: ['claude', '{{prompt}}'] as [string, ...string[]], mode: 'plain' as const };
    const give = (): Grant => site.give('', { agent: { id: 'codegen-agent', launch } });
    for (const grant of [give(), give(), give()])
      expect(await site.server.finished(idOf(grant))).toMatchObject({ failure_reason: 'agent_missing' });
    await site.server.until(() => site.server.pause !== null);
    expect(site.server.pause?.note).toBe(
      'Paused by the worker itself: 3 failures of its own in a row (agent_missing, agent_missing, agent_missing), the last one: There is no program claude on this worker.',
    );
    const waiting = site.give('echo back');
    const beats = site.server.heartbeats.length;
    await site.server.until(() => site.server.heartbeats.length > beats + 3);
    expect(site.messages(waiting)).toEqual([]);
    site.server.pause = null;
    expect(await site.server.finished(idOf(waiting))).toMatchObject({ outcome: 'completed' });
  });

  it('goes on whatever tasks and repositories ask for that is not there: it would be there for no other worker', async () => {
    commitTo(site.origin, { '.miyabi.json': JSON.stringify({ setup: [['test', '!', '-e', 'broken']] }) });
    site.start({ MIYABI_CAPACITY: '1' });
    const missing = (): Grant => site.give('', { task: { metadata: { command: ['no-such-program'] } } });
    const custom = { command: ['/nonexistent/claude', 'x'] as [string, ...string[]], mode: 'plain' as const };
    const other = (): Grant => site.give('', { agent: { id: 'own-agent', launch: custom } });
    const nowhere = (): Grant => site.give('true', { base_ref: 'no-such-branch' });
    for (const give of [missing, missing, missing, other, other, other, nowhere, nowhere, nowhere])
      expect(await site.server.finished(idOf(give()))).toMatchObject({ outcome: 'failed' });
    commitTo(site.origin, { broken: 'x' });
    for (let count = 0; count < 3; count++)
      expect(await site.server.finished(idOf(site.give('true')))).toMatchObject({ failure_reason: 'worktree' });
    const fine = site.give('echo on', { repository: null });
    expect(await site.server.finished(idOf(fine))).toMatchObject({ outcome: 'completed' });
    expect(site.server.pause).toBeNull();
  });

  it('tells the server of agents that are installed, signed in or gone while it works', async () => {
    site.start({ LAUNCHERS_SECONDS: '1', PATH: site.path });
    await site.server.until(() => site.server.heartbeats.length > 0);
    expect(site.server.registrations[0]?.launchers).toEqual([]);
    const told = (): unknown => site.server.heartbeats.findLast(({ launchers }) => launchers !== undefined)?.launchers;
    const says = (version: string, status: string): Promise<string> =>
      site.program(
        'claude',
        `case $* in --version) echo ${version} ;; 'auth status --json') echo '{"loggedIn": ${status}}' ;; esac`,
      );
    const until = (what: unknown): Promise<void> =>
      site.server.until(() => JSON.stringify(told()) === JSON.stringify(what));
    const program = await says('2.1.197', 'false');
    await until([{ name: 'claude', version: '2.1.197', signed_in: false }]);
    await says('2.2.0', 'true');
    await until([{ name: 'claude', version: '2.2.0', signed_in: true }]);
    // An early one is not asked: it would take the question for a prompt.
    await says('2.1.9', 'true');
    await until([{ name: 'claude', version: '2.1.9', signed_in: null }]);
    await rm(program);
    await until([]);
    const count = site.server.heartbeats.filter(({ launchers }) => launchers !== undefined).length;
    const beats = site.server.heartbeats.length;
    await site.server.until(() => site.server.heartbeats.length > beats + 3);
    expect(site.server.heartbeats.filter(({ launchers }) => launchers !== undefined)).toHaveLength(count);
  });

  describe('an agent whose account its provider refuses', () => {
    const launch = { command: ['claude', '{{prompt}}'] as [string, ...string[]], mode: 'stream-json' as const };
    const give = (): Grant => site.give('', { agent: { id: 'codegen-agent', launch } });
    const REFUSED = `echo '{"type":"result","subtype":"success","is_error":true,"result":"Not logged in · Please run /login"}'`;
    const told = (signed_in: boolean | null): Promise<void> =>
      site.server.until(() => {
        const last = site.server.heartbeats.findLast(({ launchers }) => launchers !== undefined)?.launchers;
        return last?.[0]?.signed_in === signed_in;
      });

    it('counts as signed out after three attempts in a row, whatever it says itself; the worker goes on', async () => {
      await site.program('claude', `case $1 in --version) echo 2.1.9 ;; *) ${REFUSED}; exit 1 ;; esac`);
      site.start({ MIYABI_CAPACITY: '1', PATH: site.path });
      for (const grant of [give(), give(), give()])
        expect(await site.server.finished(idOf(grant))).toMatchObject({ failure_reason: 'auth' });
      await told(false);
      const other = site.give('echo on');
      expect(await site.server.finished(idOf(other))).toMatchObject({ outcome: 'completed' });
      expect(site.server.pause).toBeNull();
    });

    it('is looked at after each refusal, of whichever organization it was', async () => {
      const out = join(site.root, 'signed-out');
      await site.program(
        'claude',
        `case $* in --version) echo 2.2.0 ;;
         'auth status --json') if [ -e '${out}' ]; then echo '{"loggedIn": false}'; else echo '{"loggedIn": true}'; fi ;;
         *) : > '${out}'; ${REFUSED}; exit 1 ;; esac`,
      );
      site.start({ MIYABI_CAPACITY: '1', PATH: site.path, MIYABI_WORKER_SCOPE: 'instance' });
      await site.server.until(() => site.server.registrations[0]?.launchers?.[0]?.signed_in === true);
      expect(await site.server.finished(idOf(give()))).toMatchObject({ failure_reason: 'auth' });
      await told(false);
    });
  });
});
