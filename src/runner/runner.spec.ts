import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { aGrant } from '../../test/a-grant.js';
import { commitTo, gitIn } from '../../test/bare-repository.js';
import { StandInServer } from '../../test/stand-in-server.js';
import { loadRunnerSettings } from '../config/runner.config.js';
import { newId } from '../ids.js';
import { pause } from './patience.js';
import { findProcess } from './process-table.js';
import { findTree } from './process-tree.js';
import type { Grant } from './protocol.js';
import { Runner } from './runner.js';

describe('Runner', () => {
  let root: string;
  let directory: string;
  let origin: string;
  let base: string;
  let server: StandInServer;
  const repositoryId = newId();
  const running: { runner: Runner; ended: Promise<void> }[] = [];

  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'runner ')));
    directory = join(root, 'worker');
    origin = join(root, `${repositoryId}.git`);
    base = commitTo(origin, { 'README.md': 'hello\n' });
    server = new StandInServer(root);
    await server.start();
  });
  afterEach(async () => {
    for (const { runner, ended } of running.splice(0)) {
      runner.stop();
      runner.stop();
      await ended.catch(() => undefined);
    }
    await server.stop();
    await rm(root, { recursive: true, force: true });
  });

  function start(environment: Record<string, string> = {}): { runner: Runner; ended: Promise<void> } {
    const settings = loadRunnerSettings({
      PATH: process.env['PATH'],
      MIYABI_URL: server.url,
      MIYABI_KEY: 'myk_registration',
      MIYABI_WORKER_DIR: directory,
      MIYABI_WORKER_NAME: 'w1',
      DISK_MIN_FREE: '0',
      TERM_GRACE_SECONDS: '0.3',
      ...environment,
    });
    const runner = new Runner(settings, '0.0.0', pino({ level: process.env['RUNNER_SPEC_LOG'] ?? 'silent' }));
    const started = { runner, ended: runner.run() };
    started.ended.catch(() => undefined);
    running.push(started);
    return started;
  }

  const repository = (): NonNullable<Grant['repository']> => ({
    id: repositoryId,
    full_name: 'miyabi/example',
    clone_url: `/git/${repositoryId}.git`,
    default_branch: 'main',
  });
  const scripted = (script: string, given: Parameters<typeof aGrant>[0] = {}): Grant =>
    aGrant({
      repository: repository(),
      ...given,
      task: { metadata: { command: ['bash', '-c', script] }, ...given.task },
    });
  const give = (script: string, given: Parameters<typeof aGrant>[0] = {}): Grant => {
    const grant = scripted(script, given);
    server.give(grant);
    return grant;
  };
  const idOf = (grant: Grant): string => grant.execution.id;
  const folder = (grant: Grant): string => join(directory, 'executions', idOf(grant));
  const kept = (grant: Grant): Promise<string> => readFile(join(folder(grant), 'kept.txt'), 'utf8');
  const messages = (grant: Grant, stream = 'stdout'): string[] =>
    server
      .attemptOf(idOf(grant))
      .log.filter((entry) => entry.stream === stream)
      .map(({ message }) => message);
  const until = async (fact: () => boolean): Promise<void> => {
    while (!fact()) await pause(20);
  };
  const survivors = (grant: Grant): number[] =>
    findTree({ executionId: idOf(grant), directory: folder(grant), leader: null });

  it('carries a task out: checkout, command, log, commit, push, result, clean-up', async () => {
    start();
    const grant = give('echo working; cat README.md; echo done > result.txt');
    const finish = await server.finished(idOf(grant));
    const sha = gitIn(origin, 'rev-parse', `refs/heads/${grant.branch}`);
    expect(finish).toEqual({
      outcome: 'completed',
      exit_code: 0,
      base_sha: base,
      commit_sha: sha,
      result: { commits: 1, files_changed: 1, summary: 'working\nhello' },
      log_entries: server.attemptOf(idOf(grant)).log.length,
    });
    expect(messages(grant)).toEqual(['working', 'hello']);
    expect(messages(grant, 'system').at(-1)).toBe(`Pushed as ${grant.branch}.`);
    const trailers = `Agent-Type: script\nTask: ${grant.task.id}\nExecution: ${idOf(grant)}\nIssue: 7`;
    expect(gitIn(origin, 'log', '-1', '--format=%an|%B', sha)).toBe(`script-agent|A task\n\n${trailers}`);
    await until(() => !existsSync(folder(grant)));
  });

  it('registers with what it is, and beats with exactly what it runs', async () => {
    start({ MIYABI_LABELS: 'gpu,os=linux', MIYABI_WORKER_SCOPE: 'instance', MIYABI_CAPACITY: '3' });
    const grant = give('sleep 1');
    await server.until(() => server.heartbeats.some((beat) => beat.executions[0]?.message === 'Running script'));
    expect(server.registrations[0]).toMatchObject({
      ...{ name: 'w1', scope: 'instance', labels: ['gpu', 'os=linux'], agent_types: null, capacity: 3, replace: true },
      ...{ resume: [], protocol: 1, isolation: 'none', launchers: expect.any(Array) as unknown },
    });
    expect(server.heartbeats.at(-1)?.executions.map(({ id }) => id)).toEqual([idOf(grant)]);
    await server.finished(idOf(grant));
    await until(() => !existsSync(folder(grant)));
    const count = server.heartbeats.length;
    await server.until(() => server.heartbeats.length > count + 1);
    expect(server.heartbeats.at(-1)?.executions).toEqual([]);
  });

  it('writes a note', async () => {
    start();
    const launch = { command: ['note'], mode: 'builtin' as const };
    const grant = aGrant({ repository: repository(), agent: { id: 'note-agent', agent_type: 'note', launch } });
    server.give(grant);
    expect(await server.finished(idOf(grant))).toMatchObject({ outcome: 'completed', result: { files_changed: 1 } });
    expect(gitIn(origin, 'show', `${grant.branch}:notes/a-task.md`)).toContain('What to do.');
  });

  it('tells how a command failed, and saves what it had done', async () => {
    start();
    const grant = give('echo half > half.txt; echo first; echo "\u001b[31mreason\u001b[0m" >&2; exit 3');
    const finish = await server.finished(idOf(grant));
    expect(finish).toMatchObject({ outcome: 'failed', failure_reason: 'agent_error', exit_code: 3 });
    expect(finish.error_message).toMatch(/^The agent ended with exit code 3\.\n/);
    expect(finish.error_message).toContain('\nreason');
    expect(gitIn(origin, 'show', `${grant.branch}:half.txt`)).toBe('half');
  });

  it.each([
    ['a missing program', { command: ['no-such-program'] }, 'agent_missing'],
    ['a command that is none', { command: 'rm' }, 'agent_error'],
  ])('fails for %s', async (_, metadata, reason) => {
    start();
    const grant = give('', { task: { metadata } });
    expect(await server.finished(idOf(grant))).toMatchObject({ outcome: 'failed', failure_reason: reason });
  });

  it('fails when the base is not there', async () => {
    start();
    const grant = give('true', { base_ref: 'nowhere' });
    const expected = { outcome: 'failed', failure_reason: 'git', retryable: false };
    expect(await server.finished(idOf(grant))).toMatchObject(expected);
  });

  it('ends a command at its deadline', async () => {
    start();
    const grant = give('echo partial > p; sleep 300', { seconds: 1 });
    expect(await server.finished(idOf(grant))).toMatchObject({ outcome: 'failed', failure_reason: 'timeout' });
    expect(gitIn(origin, 'show', `${grant.branch}:p`)).toBe('partial');
    expect(survivors(grant)).toEqual([]);
  });

  it('ends a command that says nothing any more', async () => {
    start({ STALL_SECONDS: '0.5' });
    const grant = give('for i in 1 2 3 4; do echo $i; sleep 0.3; done; sleep 300');
    expect(await server.finished(idOf(grant))).toMatchObject({ outcome: 'failed', failure_reason: 'stalled' });
    expect(messages(grant)).toEqual(['1', '2', '3', '4']);
  });

  it('cancels a command with grandchildren that ignore TERM', async () => {
    start();
    const grant = give(
      `trap '' TERM; (setsid bash -c "trap '' TERM; sleep 300; true" &); bash -c "sleep 300" & echo ready; wait`,
    );
    await server.until(() => messages(grant).includes('ready'));
    expect(survivors(grant).length).toBeGreaterThan(2);
    server.cancel.add(idOf(grant));
    expect((await server.finished(idOf(grant))).outcome).toBe('cancelled');
    expect(survivors(grant)).toEqual([]);
  });

  it('ends a lost execution, says nothing of it, and keeps its checkout', async () => {
    start();
    const grant = give('echo mine > mine.txt; echo ready; sleep 300');
    await server.until(() => messages(grant).includes('ready'));
    server.lost.add(idOf(grant));
    await until(() => existsSync(join(folder(grant), 'kept.txt')));
    expect(survivors(grant)).toEqual([]);
    expect(server.attemptOf(idOf(grant)).finish).toBeNull();
    expect(await kept(grant)).toContain('was lost');
    expect(existsSync(join(folder(grant), 'checkout', 'mine.txt'))).toBe(true);
    expect(gitIn(origin, 'for-each-ref', grant.branch)).toBe('');
  });

  it('loses and doubles nothing when the server is cut off again and again', async () => {
    start();
    server.swallow(/logs$/, 2);
    const grant = give('for i in $(seq 400); do echo line $i; sleep 0.005; done; echo x > x');
    for (let round = 0; round < 3; round++) {
      const count = messages(grant).length;
      await server.until(() => messages(grant).length > count);
      await server.stop();
      await pause(300);
      await server.start();
    }
    server.swallow(/finish$/, 2);
    const finish = await server.finished(idOf(grant));
    await until(() => !existsSync(folder(grant)));
    expect(messages(grant)).toEqual(Array.from({ length: 400 }, (_, index) => `line ${String(index + 1)}`));
    expect(finish.log_entries).toBe(server.attemptOf(idOf(grant)).log.length);
    expect(server.attemptOf(idOf(grant)).finishes).toBe(3);
  });

  it('runs what a lost claim answer had granted, once', async () => {
    server.swallow(/claim$/, 1);
    const grant = give('echo once');
    start();
    await server.finished(idOf(grant));
    expect(server.claims[0]?.request_key).toBe(server.claims[1]?.request_key);
    await until(() => !existsSync(folder(grant)));
    expect(messages(grant)).toEqual(['once']);
    expect(new Set(server.claims.map(({ request_key }) => request_key)).size).toBeGreaterThan(1);
  });

  it('claims no more than it has room for', async () => {
    start({ MIYABI_CAPACITY: '2' });
    const grants = Array.from({ length: 5 }, () => give('echo here; sleep 0.3'));
    await Promise.all(grants.map((grant) => server.finished(idOf(grant))));
    expect(Math.max(...server.heartbeats.map((beat) => beat.executions.length))).toBeLessThanOrEqual(2);
    expect(Math.max(...server.claims.map(({ max }) => max))).toBe(2);
  });

  it('claims nothing while the disk is short', async () => {
    start({ DISK_MIN_FREE: '999999999999999' });
    await server.until(() => server.heartbeats.length > 2);
    expect(server.claims).toEqual([]);
  });

  it('gives its work back when stopped, partial work included', async () => {
    const { runner, ended } = start();
    const grant = give('echo half > half.txt; echo ready; sleep 300');
    await server.until(() => messages(grant).includes('ready'));
    runner.stop();
    await ended;
    expect(server.attemptOf(idOf(grant)).finish?.outcome).toBe('released');
    expect(gitIn(origin, 'show', `${grant.branch}:half.txt`)).toBe('half');
    expect(survivors(grant)).toEqual([]);
    expect(existsSync(folder(grant))).toBe(false);
  });

  it('delivers a result and its log after a restart when the server was away', async () => {
    const first = start();
    const grant = give('echo before; until [ -e "$0" ]; do sleep 0.05; done; echo after; echo x > x', {
      task: {
        metadata: {
          command: ['bash', '-c', 'echo before; until [ -e "$0" ]; do sleep 0.05; done; echo after', join(root, 'go')],
        },
      },
    });
    await server.until(() => messages(grant).includes('before'));
    await server.stop();
    await writeFile(join(root, 'go'), '');
    await until(() => existsSync(join(folder(grant), 'finish.json')));
    first.runner.stop();
    first.runner.stop();
    await first.ended;
    expect(server.attemptOf(idOf(grant)).finish).toBeNull();
    await server.start();
    start();
    const finish = await server.finished(idOf(grant));
    expect(server.registrations.at(-1)?.resume).toEqual([idOf(grant)]);
    expect(finish).toMatchObject({ outcome: 'completed', log_entries: server.attemptOf(idOf(grant)).log.length });
    expect(messages(grant)).toEqual(['before', 'after']);
    await until(() => !existsSync(folder(grant)));
  });

  it('ends the processes of a run that was killed, and explains its checkout', async () => {
    const id = newId();
    const path = join(directory, 'executions', id);
    await mkdir(join(path, 'checkout'), { recursive: true });
    const env = { PATH: process.env['PATH'], MIYABI_EXECUTION_ID: id };
    const orphan = spawn('sleep', ['300'], { detached: true, stdio: 'ignore', env });
    await writeFile(
      join(path, 'process.json'),
      JSON.stringify({ pid: orphan.pid, started: findProcess(orphan.pid ?? 0)?.started }),
    );
    start();
    await server.until(() => server.registrations.length > 0);
    expect(findTree({ executionId: id, directory: path, leader: null })).toEqual([]);
    expect(await readFile(join(path, 'kept.txt'), 'utf8')).toContain('ended in the middle');
  });

  it('does not end a process that only has the pid of an earlier one', async () => {
    const path = join(directory, 'executions', newId());
    await mkdir(path, { recursive: true });
    const stranger = spawn('sleep', ['300'], { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
    await writeFile(join(path, 'process.json'), JSON.stringify({ pid: stranger.pid, started: '1' }));
    start();
    await server.until(() => server.registrations.length > 0);
    expect(findProcess(stranger.pid ?? 0)).not.toBeNull();
    stranger.kill('SIGKILL');
  });

  it('refuses a directory another runner works in', async () => {
    start();
    await server.until(() => server.registrations.length > 0);
    await expect(start({ MIYABI_WORKER_NAME: 'w2' }).ended).rejects.toMatchObject({
      name: 'LockHeld',
      pid: process.pid,
    });
  });

  it('registers anew when its token is revoked, and goes on', async () => {
    start();
    const grant = give('echo ready; sleep 1; echo x > x');
    await server.until(() => messages(grant).includes('ready'));
    server.token = 'revoked';
    expect((await server.finished(idOf(grant))).outcome).toBe('completed');
    expect(server.registrations).toHaveLength(2);
    expect(server.registrations[1]).toMatchObject({ replace: false, resume: [idOf(grant)] });
  });

  it('ends when another process took its name over', async () => {
    const { ended } = start();
    const grant = give('echo ready; sleep 300');
    await server.until(() => messages(grant).includes('ready'));
    server.problems.set(/workers$/, [409, { code: 'worker/name-taken', status: 409 }]);
    server.token = 'of another process';
    await expect(ended).rejects.toThrow('Another process now works under the name "w1"');
    expect(survivors(grant)).toEqual([]);
    expect(await kept(grant)).toContain('was lost');
  });

  it.each([
    [401, 'does not accept MIYABI_KEY'],
    [426, 'too old'],
    [403, 'may not register'],
  ])('says why it cannot register (%i)', async (status, text) => {
    server.problems.set(/workers$/, [status, { status, code: 'x', detail: 'because' }]);
    await expect(start().ended).rejects.toThrow(text);
  });

  it('waits for a server that is not there yet', async () => {
    await server.stop();
    start();
    await pause(300);
    await server.start();
    const grant = give('echo x > x');
    expect((await server.finished(idOf(grant))).outcome).toBe('completed');
  });

  it('keeps what a task without a repository made', async () => {
    start();
    const grant = give('echo x > x', { repository: null });
    expect(await server.finished(idOf(grant))).toMatchObject({ outcome: 'completed', result: { commits: 1 } });
    await until(() => existsSync(join(folder(grant), 'kept.txt')));
    expect(await kept(grant)).toContain('no repository to push to');
    expect(gitIn(join(folder(grant), 'checkout'), 'log', '-1', '--format=%s', grant.branch)).toBe('A task');
    const empty = give('true', { repository: null });
    await server.finished(idOf(empty));
    await until(() => !existsSync(folder(empty)));
  });

  it('keeps a checkout whose branch the server does not take, and calls it a failure', async () => {
    start();
    await writeFile(join(origin, 'hooks', 'pre-receive'), '#!/bin/sh\necho not today >&2\nexit 1\n', { mode: 0o755 });
    const grant = give('echo x > x');
    expect(await server.finished(idOf(grant))).toMatchObject({ outcome: 'failed', failure_reason: 'git' });
    await until(() => existsSync(join(folder(grant), 'kept.txt')));
    expect(await kept(grant)).toContain('was not pushed');
  });

  it('writes its token nowhere, and does not show it to the agent', async () => {
    start();
    const grant = give(
      'env; cat .git/config; ps -eo args; git remote -v; find .. -maxdepth 2 -type f; echo x > x; sleep 0.5',
    );
    const seen: string[] = [];
    await server.until(() => messages(grant, 'system').some((message) => message.startsWith('Starting')));
    for (const name of await readdir(directory, { recursive: true, withFileTypes: true }))
      if (name.isFile()) seen.push(await readFile(join(name.parentPath, name.name), 'latin1').catch(() => ''));
    await server.finished(idOf(grant));
    const basic = Buffer.from(`${idOf(grant)}:${server.token}`).toString('base64');
    for (const text of [...seen, ...messages(grant), ...server.gitCommands])
      for (const secret of [server.token, basic, 'myk_registration']) expect(text).not.toContain(secret);
    expect(seen.length).toBeGreaterThan(10);
    expect(server.gitCommands.some((command) => command.includes('fetch'))).toBe(true);
  });
});
