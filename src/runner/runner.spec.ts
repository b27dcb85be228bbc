import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { aGrant } from '../../test/a-grant.js';
import { gitIn } from '../../test/bare-repository.js';
import { idOf, RunnerSite, until } from '../../test/runner-site.js';

describe('Runner', () => {
  let site: RunnerSite;
  beforeEach(async () => {
    site = await RunnerSite.open();
  });
  afterEach(() => site.close());

  it('carries a task out: checkout, command, log, commit, push, result, clean-up', async () => {
    site.start();
    const grant = site.give('echo working; cat README.md; echo done > result.txt');
    const finish = await site.server.finished(idOf(grant));
    const sha = gitIn(site.origin, 'rev-parse', `refs/heads/${grant.branch}`);
    expect(finish).toEqual({
      outcome: 'completed',
      exit_code: 0,
      base_sha: site.base,
      commit_sha: sha,
      result: { commits: 1, files_changed: 1, summary: 'working\nhello' },
      log_entries: site.server.attemptOf(idOf(grant)).log.length,
    });
    expect(site.messages(grant)).toEqual(['working', 'hello']);
    expect(site.messages(grant, 'system').at(-1)).toBe(`Pushed as ${grant.branch}.`);
    const trailers = `Agent-Type: script\nTask: ${grant.task.id}\nExecution: ${idOf(grant)}\nIssue: 7`;
    expect(gitIn(site.origin, 'log', '-1', '--format=%an|%B', sha)).toBe(`Script|A task\n\n${trailers}`);
    await until(() => !existsSync(site.folder(grant)));
  });

  it('registers with what it is, and beats with exactly what it runs', async () => {
    site.start({ MIYABI_LABELS: 'gpu,os=linux', MIYABI_WORKER_SCOPE: 'instance', MIYABI_CAPACITY: '3' });
    const gate = site.gate();
    const grant = site.give(gate.wait);
    await site.server.until(() =>
      site.server.heartbeats.some((beat) => beat.executions[0]?.message === 'Running script'),
    );
    expect(site.server.registrations[0]).toMatchObject({
      ...{ name: 'w1', scope: 'instance', labels: ['gpu', 'os=linux'], agent_types: null, capacity: 3, replace: true },
      ...{ resume: [], protocol: 1, isolation: 'none', launchers: expect.any(Array) as unknown },
    });
    expect(site.server.heartbeats.at(-1)?.executions.map(({ id }) => id)).toEqual([idOf(grant)]);
    await gate.open();
    await site.server.finished(idOf(grant));
    await until(() => !existsSync(site.folder(grant)));
    const count = site.server.heartbeats.length;
    await site.server.until(() => site.server.heartbeats.length > count + 1);
    expect(site.server.heartbeats.at(-1)?.executions).toEqual([]);
  });

  it('writes a note', async () => {
    site.start();
    const launch = { command: ['note'], mode: 'builtin' as const };
    const grant = aGrant({
      repository: site.repository(),
      agent: { id: 'note-agent', agent_type: 'note', name: 'Note', launch },
    });
    site.server.give(grant);
    expect(await site.server.finished(idOf(grant))).toMatchObject({
      outcome: 'completed',
      result: { files_changed: 1 },
    });
    expect(gitIn(site.origin, 'show', `${grant.branch}:notes/a-task.md`)).toContain('What to do.');
  });

  it('tells how a command failed, and saves what it had done', async () => {
    site.start();
    const grant = site.give('echo half > half.txt; echo first; echo "\u001b[31mreason\u001b[0m" >&2; exit 3');
    const finish = await site.server.finished(idOf(grant));
    expect(finish).toMatchObject({ outcome: 'failed', failure_reason: 'agent_error', exit_code: 3 });
    expect(finish.error_message).toMatch(/^The agent ended with exit code 3\.\n/);
    expect(finish.error_message).toContain('\nreason');
    expect(gitIn(site.origin, 'show', `${grant.branch}:half.txt`)).toBe('half');
  });

  it.each([
    ['a missing program', { command: ['no-such-program'] }, 'agent_missing'],
    ['a command that is none', { command: 'rm' }, 'agent_error'],
  ])('fails for %s', async (_, metadata, reason) => {
    site.start();
    const grant = site.give('', { task: { metadata } });
    expect(await site.server.finished(idOf(grant))).toMatchObject({ outcome: 'failed', failure_reason: reason });
  });

  it('fails when the base is not there', async () => {
    site.start();
    const grant = site.give('true', { base_ref: 'nowhere' });
    const expected = { outcome: 'failed', failure_reason: 'git', retryable: false };
    expect(await site.server.finished(idOf(grant))).toMatchObject(expected);
  });

  it('ends a command at its deadline', async () => {
    site.start();
    // The time runs from here on, and pays for the claim and the checkout too.
    const grant = site.give('echo partial > p; sleep 300', { seconds: 6 });
    expect(await site.server.finished(idOf(grant))).toMatchObject({ outcome: 'failed', failure_reason: 'timeout' });
    expect(gitIn(site.origin, 'show', `${grant.branch}:p`)).toBe('partial');
    expect(site.survivors(grant)).toEqual([]);
  });

  it('ends a command that says nothing any more', async () => {
    site.start({ STALL_SECONDS: '2' });
    const grant = site.give('for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.3; done; sleep 300');
    expect(await site.server.finished(idOf(grant))).toMatchObject({ outcome: 'failed', failure_reason: 'stalled' });
    expect(site.messages(grant)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8']);
  });

  it('cancels a command with grandchildren that ignore TERM', async () => {
    site.start();
    const grant = site.give(
      `trap '' TERM; (setsid bash -c "trap '' TERM; sleep 300; true" &); bash -c "sleep 300" & echo ready; wait`,
    );
    await site.said(grant, 'ready');
    expect(site.survivors(grant).length).toBeGreaterThan(2);
    site.server.cancel.add(idOf(grant));
    expect((await site.server.finished(idOf(grant))).outcome).toBe('cancelled');
    expect(site.survivors(grant)).toEqual([]);
  });

  it('claims no more than it has room for', async () => {
    site.start({ MIYABI_CAPACITY: '2' });
    const grants = Array.from({ length: 5 }, () => site.give('echo here; sleep 0.3'));
    await Promise.all(grants.map((grant) => site.server.finished(idOf(grant))));
    expect(Math.max(...site.server.heartbeats.map((beat) => beat.executions.length))).toBeLessThanOrEqual(2);
    expect(Math.max(...site.server.claims.map(({ max }) => max))).toBe(2);
  });

  it('claims nothing while the disk is short', async () => {
    site.start({ DISK_MIN_FREE: '999999999999999' });
    await site.server.until(() => site.server.heartbeats.length > 2);
    expect(site.server.claims).toEqual([]);
  });

  it('keeps what a task without a repository made', async () => {
    site.start();
    const grant = site.give('echo x > x', { repository: null });
    expect(await site.server.finished(idOf(grant))).toMatchObject({ outcome: 'completed', result: { commits: 1 } });
    await until(() => existsSync(join(site.folder(grant), 'kept.txt')));
    expect(await site.kept(grant)).toContain('no repository to push to');
    expect(gitIn(join(site.folder(grant), 'checkout'), 'log', '-1', '--format=%s', grant.branch)).toBe('A task');
    const empty = site.give('true', { repository: null });
    await site.server.finished(idOf(empty));
    await until(() => !existsSync(site.folder(empty)));
  });

  it('keeps a checkout whose branch the server does not take, and calls it a failure', async () => {
    site.start();
    await writeFile(join(site.origin, 'hooks', 'pre-receive'), '#!/bin/sh\necho not today >&2\nexit 1\n', {
      mode: 0o755,
    });
    const grant = site.give('echo x > x');
    expect(await site.server.finished(idOf(grant))).toMatchObject({ outcome: 'failed', failure_reason: 'git' });
    await until(() => existsSync(join(site.folder(grant), 'kept.txt')));
    expect(await site.kept(grant)).toContain('was not pushed');
  });

  it('writes its token nowhere, and does not show it to the agent', async () => {
    site.start();
    const gate = site.gate();
    const grant = site.give(
      `env; cat .git/config; ps -eo args; git remote -v; find .. -maxdepth 2 -type f; echo x > x; ${gate.wait}`,
    );
    const seen: string[] = [];
    await site.server.until(() => site.messages(grant, 'system').some((message) => message.startsWith('Starting')));
    for (const name of await readdir(site.directory, { recursive: true, withFileTypes: true }))
      if (name.isFile()) seen.push(await readFile(join(name.parentPath, name.name), 'latin1').catch(() => ''));
    await gate.open();
    await site.server.finished(idOf(grant));
    const basic = Buffer.from(`${idOf(grant)}:${site.server.token}`).toString('base64');
    for (const text of [...seen, ...site.messages(grant), ...site.server.gitCommands])
      for (const secret of [site.server.token, basic, 'myk_registration']) expect(text).not.toContain(secret);
    expect(seen.length).toBeGreaterThan(10);
    expect(site.server.gitCommands.some((command) => command.includes('fetch'))).toBe(true);
  });

  it('repeats neither its key nor its token, whoever says them', async () => {
    site.start();
    await site.server.until(() => site.server.heartbeats.length > 0);
    const secrets = ['myk_registration', site.server.token];
    const grant = site.give(`echo "has ${secrets.join(' and ')}"; echo "${secrets.join(' ')}" >&2; exit 3`, {
      task: { name: `Find ${site.server.token}` },
    });
    const finish = await site.server.finished(idOf(grant));
    expect(site.messages(grant)).toEqual(['has [redacted] and [redacted]']);
    expect(finish.result?.['summary']).toContain('[redacted] [redacted]');
    expect(finish.error_message).toContain('[redacted] [redacted]');
    const told = [finish, site.server.attemptOf(idOf(grant)).log, site.logged];
    expect(site.logged.length).toBeGreaterThan(3);
    for (const secret of secrets) expect(JSON.stringify(told)).not.toContain(secret);
  });

  it('says how much of too much output is not in its log, and keeps the last of it', async () => {
    site.start({ MAX_LOG_ENTRIES: '100' });
    const grant = site.give('seq 1000');
    const finish = await site.server.finished(idOf(grant));
    const numbers = Array.from({ length: 1000 }, (_, index) => String(index + 1));
    expect(site.messages(grant)).toEqual([...numbers.slice(0, 100), ...numbers.slice(900)]);
    expect(site.messages(grant, 'system')).toEqual(
      expect.arrayContaining([
        'truncated: there is more output than 100 lines or 67108864 bytes; of what follows only the last lines are kept.',
        'truncated: 800 lines (3200 bytes) were left out.',
      ]),
    );
    const { log } = site.server.attemptOf(idOf(grant));
    expect(finish).toMatchObject({ outcome: 'completed', log_entries: log.length, log_left_out: 800 });
  });

  it('counts bytes of the log as they are stored', async () => {
    site.start({ MAX_LOG_BYTES: '1000' });
    const grant = site.give('seq 111 999');
    const finish = await site.server.finished(idOf(grant));
    // A line of three letters takes 87 bytes.
    expect(site.messages(grant)[10]).toBe('121');
    expect(site.messages(grant)[11]).toBe('900');
    expect(finish).toMatchObject({ log_left_out: 889 - 11 - 100 });
  });

  it('holds back who writes faster than the server takes it, and ends a cancelled one without its backlog', async () => {
    site.server.logDelayMs = 300;
    site.start({ STALL_SECONDS: '0.5', MAX_LOG_ENTRIES: '1000000' });
    const grant = site.give('yes');
    const log = join(site.folder(grant), 'log.ndjson');
    const stored = (): number => site.server.attemptOf(idOf(grant)).log.length;
    await site.server.until(() => stored() > 6000);
    const lines = (await readFile(log, 'utf8')).split('\n').length;
    // Two MiB are not sent, and what was read meanwhile.
    expect(lines - stored()).toBeLessThan(60_000);
    site.server.cancel.add(idOf(grant));
    const finish = await site.server.finished(idOf(grant));
    expect(finish.outcome).toBe('cancelled');
    const sent = site.server.attemptOf(idOf(grant)).log;
    expect(finish.log_entries).toBe(sent.length);
    expect(sent.map(({ message }) => message)).toContain(
      `truncated: ${String(finish.log_left_out)} lines were left out: there was no time to send them.`,
    );
    expect(sent.at(-1)?.message).toMatch(/^(Committed|Nothing was changed|Pushed)/);
  });

  it('tells the result of an agent that emptied the log', async () => {
    site.start();
    const grant = site.give('echo one; sleep 0.7; : > ../log.ndjson; echo two');
    const finish = await site.server.finished(idOf(grant));
    expect(finish.outcome).toBe('completed');
    // More than the server got: it then knows that the log is incomplete.
    expect(finish.log_entries).toBeGreaterThan(site.server.attemptOf(idOf(grant)).log.length);
    expect(site.logged.some((line) => line.includes('damaged'))).toBe(true);
  });

  it('does not read a file that never ends, and keeps the checkout that has it', async () => {
    site.start();
    const grant = site.give('truncate -s 400G big; echo x > x');
    expect(await site.server.finished(idOf(grant))).toMatchObject({
      outcome: 'completed',
      result: { files_changed: 1 },
    });
    await until(() => existsSync(join(site.folder(grant), 'kept.txt')));
    expect(await site.kept(grant)).toContain('big is larger than 1073741824 bytes');
  });

  it('does not wait for git when the execution is lost or the runner leaves', async () => {
    const settings = { MAX_FILE_BYTES: '999999999999999', TERM_GRACE_SECONDS: '0' };
    const { runner, ended } = site.start(settings);
    const grant = site.give('truncate -s 400G big');
    await site.server.until(() => site.server.heartbeats.at(-1)?.executions[0]?.message === 'Handing the branch back');
    site.server.lost.add(idOf(grant));
    await until(() => existsSync(join(site.folder(grant), 'kept.txt')));
    const other = site.give('truncate -s 400G big');
    await site.server.until(() => site.server.heartbeats.at(-1)?.executions[0]?.id === idOf(other));
    await site.server.until(() => site.server.heartbeats.at(-1)?.executions[0]?.message === 'Handing the branch back');
    runner.stop();
    runner.stop();
    await ended;
    expect(existsSync(join(site.folder(other), 'finish.json')) || site.server.attemptOf(idOf(other)).finishes > 0).toBe(
      true,
    );
    expect(existsSync(join(site.folder(other), 'trusted.git'))).toBe(false);
  });
});
