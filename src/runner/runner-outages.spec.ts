import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gitIn } from '../../test/bare-repository.js';
import { idOf, RunnerSite, until } from '../../test/runner-site.js';
import { newId } from '../ids.js';
import { findProcess } from './process-table.js';
import { findTree } from './process-tree.js';

describe('Runner, when something goes away', () => {
  let site: RunnerSite;
  beforeEach(async () => {
    site = await RunnerSite.open();
  });
  afterEach(() => site.close());

  it('ends a lost execution, says nothing of it, and keeps its checkout', async () => {
    site.start();
    const grant = site.give('echo mine > mine.txt; echo ready; sleep 300');
    await site.said(grant, 'ready');
    site.server.lost.add(idOf(grant));
    await until(() => existsSync(join(site.folder(grant), 'kept.txt')));
    expect(site.survivors(grant)).toEqual([]);
    expect(site.server.attemptOf(idOf(grant)).finish).toBeNull();
    expect(await site.kept(grant)).toContain('was lost');
    expect(existsSync(join(site.folder(grant), 'checkout', 'mine.txt'))).toBe(true);
    expect(gitIn(site.origin, 'for-each-ref', grant.branch)).toBe('');
  });

  it('loses and doubles nothing when the server is cut off again and again', async () => {
    site.start();
    site.server.swallow(/logs$/, 2);
    const grant = site.give('for i in $(seq 800); do echo line $i; sleep 0.005; done; echo x > x');
    for (let round = 0; round < 3; round++) {
      const count = site.messages(grant).length;
      await site.server.until(() => site.messages(grant).length > count);
      await site.server.stop();
      const spooled = statSync(join(site.folder(grant), 'log.ndjson')).size;
      await until(() => statSync(join(site.folder(grant), 'log.ndjson')).size > spooled + 2000);
      await site.server.start();
    }
    site.server.swallow(/finish$/, 2);
    const finish = await site.server.finished(idOf(grant));
    await until(() => !existsSync(site.folder(grant)));
    expect(site.messages(grant)).toEqual(Array.from({ length: 800 }, (_, index) => `line ${String(index + 1)}`));
    expect(finish.log_entries).toBe(site.server.attemptOf(idOf(grant)).log.length);
    expect(site.server.attemptOf(idOf(grant)).finishes).toBe(3);
  });

  it('runs what a lost claim answer had granted, once', async () => {
    site.server.swallow(/claim$/, 1);
    const grant = site.give('echo once');
    site.start();
    await site.server.finished(idOf(grant));
    expect(site.server.claims[0]?.request_key).toBe(site.server.claims[1]?.request_key);
    await until(() => !existsSync(site.folder(grant)));
    expect(site.messages(grant)).toEqual(['once']);
    expect(new Set(site.server.claims.map(({ request_key }) => request_key)).size).toBeGreaterThan(1);
  });

  it('gives its work back when stopped, partial work included', async () => {
    const { runner, ended } = site.start();
    const grant = site.give('echo half > half.txt; echo ready; sleep 300');
    await site.said(grant, 'ready');
    runner.stop();
    await ended;
    expect(site.server.attemptOf(idOf(grant)).finish?.outcome).toBe('released');
    expect(gitIn(site.origin, 'show', `${grant.branch}:half.txt`)).toBe('half');
    expect(site.survivors(grant)).toEqual([]);
    expect(existsSync(site.folder(grant))).toBe(false);
  });

  it.each([
    ['a restart', {}],
    ['its last run', { MIYABI_LAST_RUN: 'on' }],
  ])('delivers a result and its log with %s when the server was away', async (_, more) => {
    const first = site.start();
    const grant = site.give('echo before; until [ -e "$0" ]; do sleep 0.05; done; echo after; echo x > x', {
      task: {
        metadata: {
          command: [
            'bash',
            '-c',
            'echo before; until [ -e "$0" ]; do sleep 0.05; done; echo after',
            join(site.root, 'go'),
          ],
        },
      },
    });
    await site.said(grant, 'before');
    await site.server.stop();
    await writeFile(join(site.root, 'go'), '');
    await until(() => existsSync(join(site.folder(grant), 'finish.json')));
    first.runner.stop();
    first.runner.stop();
    await first.ended;
    expect(site.server.attemptOf(idOf(grant)).finish).toBeNull();
    await site.server.start();
    const next = site.give('echo next');
    const { ended } = site.start(more);
    const finish = await site.server.finished(idOf(grant));
    expect(site.server.registrations.at(-1)?.resume).toEqual([idOf(grant)]);
    expect(finish).toMatchObject({ outcome: 'completed', log_entries: site.server.attemptOf(idOf(grant)).log.length });
    expect(site.messages(grant)).toEqual(['before', 'after']);
    await until(() => !existsSync(site.folder(grant)));
    if (!('MIYABI_LAST_RUN' in more)) return;
    await ended;
    expect(site.server.heartbeats.at(-1)).toMatchObject({ stop: { note: 'The worker has ended in order.' } });
    expect(existsSync(site.folder(next))).toBe(false);
  });

  it('ends the processes of a run that was killed, and explains its checkout', async () => {
    const id = newId();
    const path = join(site.directory, 'executions', id);
    await mkdir(join(path, 'checkout'), { recursive: true });
    const env = { PATH: process.env['PATH'], MIYABI_EXECUTION_ID: id };
    const orphan = spawn('sleep', ['300'], { detached: true, stdio: 'ignore', env });
    await writeFile(
      join(path, 'process.json'),
      JSON.stringify({ pid: orphan.pid, started: findProcess(orphan.pid ?? 0)?.started }),
    );
    site.start();
    await site.server.until(() => site.server.registrations.length > 0);
    expect(findTree({ executionId: id, directory: path, leader: null })).toEqual([]);
    expect(await readFile(join(path, 'kept.txt'), 'utf8')).toContain('ended in the middle');
  });

  it('does not end a process that only has the pid of an earlier one', async () => {
    const path = join(site.directory, 'executions', newId());
    await mkdir(path, { recursive: true });
    const stranger = spawn('sleep', ['300'], { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
    await writeFile(join(path, 'process.json'), JSON.stringify({ pid: stranger.pid, started: '1' }));
    site.start();
    await site.server.until(() => site.server.registrations.length > 0);
    expect(findProcess(stranger.pid ?? 0)).not.toBeNull();
    stranger.kill('SIGKILL');
  });

  it('refuses a directory another runner works in', async () => {
    site.start();
    await site.server.until(() => site.server.registrations.length > 0);
    await expect(site.start({ MIYABI_WORKER_NAME: 'w2' }).ended).rejects.toMatchObject({
      name: 'LockHeld',
      pid: process.pid,
    });
  });

  it('registers anew when its token is revoked, and goes on', async () => {
    site.start();
    const grant = site.give('echo ready; sleep 1; echo x > x');
    await site.said(grant, 'ready');
    site.server.token = 'revoked';
    expect((await site.server.finished(idOf(grant))).outcome).toBe('completed');
    expect(site.server.registrations).toHaveLength(2);
    expect(site.server.registrations[1]).toMatchObject({ replace: false, resume: [idOf(grant)] });
  });

  it('waits for its name when the answer to a registration was lost, which may have taken it', async () => {
    site.start();
    const grant = site.give('echo ready; sleep 1; echo x > x');
    await site.said(grant, 'ready');
    const workers = /workers$/;
    site.server.swallow(workers);
    site.server.problems.set(workers, [409, { code: 'worker/name-taken', status: 409 }]);
    site.server.token = 'revoked';
    await until(() => site.logged.some((line) => line.includes('waiting for the server')));
    await site.server.until(() => site.server.refusals > 3);
    site.server.problems.delete(workers);
    expect((await site.server.finished(idOf(grant))).outcome).toBe('completed');
  });

  it('ends when another process took its name over', async () => {
    const { ended } = site.start();
    const grant = site.give('echo ready; sleep 300');
    await site.said(grant, 'ready');
    site.server.problems.set(/workers$/, [409, { code: 'worker/name-taken', status: 409 }]);
    site.server.token = 'of another process';
    await expect(ended).rejects.toThrow('Another process now works under the name "w1"');
    expect(site.survivors(grant)).toEqual([]);
    expect(await site.kept(grant)).toContain('was lost');
  });

  it.each([
    [401, 'does not accept MIYABI_KEY'],
    [426, 'too old'],
    [403, 'may not register'],
  ])('says why it cannot register (%i)', async (status, text) => {
    site.server.problems.set(/workers$/, [status, { status, code: 'x', detail: 'because' }]);
    await expect(site.start().ended).rejects.toThrow(text);
  });

  it('waits for a server that is not there yet', async () => {
    await site.server.stop();
    site.start();
    await until(() => site.logged.some((line) => line.includes('waiting for the server')));
    await site.server.start();
    const grant = site.give('echo x > x');
    expect((await site.server.finished(idOf(grant))).outcome).toBe('completed');
  });
});
