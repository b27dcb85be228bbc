import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packet } from '../src/git/push-commands.js';
import { until } from './git-processes.js';
import { BRANCH, GitServer, send } from './git-server.js';
import { loseObject } from './lost-objects.js';
import { commit, git } from './scratch-git.js';

let server: GitServer;
let counter = 0;

beforeEach(async () => {
  server = await GitServer.start();
});
afterEach(async () => {
  await server.stop();
  server.scratch.remove();
});

describe('a worker', () => {
  it.each([0, 1, 2])('clones the repository of its execution, with version %i of the protocol', async (version) => {
    const checkout = await server.clone('checkout', '-c', `protocol.version=${String(version)}`);
    expect(git(checkout, 'log', '--format=%s')).toBe('feat: two\nfeat: one');
    expect(git(checkout, 'branch', '--show-current')).toBe('main');
  });

  it('sees a commit that was made a moment ago', async () => {
    const checkout = await server.clone();
    const late = commit(server.source, 'feat: three');
    await server.attempt(checkout, 'fetch', '-q');
    expect(git(checkout, 'rev-parse', 'origin/main')).toBe(late);
  });

  it('clones an empty repository', async () => {
    git(server.scratch.directory('roots/empty'), 'init', '-q');
    server.moveTo(join(server.scratch.path, 'roots/empty'));
    await expect(server.clone()).resolves.toContain('checkout');
  });

  it('clones a repository of which only the tip was fetched', async () => {
    git(
      server.scratch.path,
      'clone',
      '-q',
      '--depth',
      '1',
      `file://${server.source}`,
      join(server.scratch.path, 'roots/shallow'),
    );
    server.moveTo(join(server.scratch.path, 'roots/shallow'));
    const checkout = await server.clone();
    expect(git(checkout, 'log', '--format=%s')).toBe('feat: two');
    commit(checkout, 'feat: three');
    const push = await server.push(checkout);
    expect(push).toMatchObject({ code: 0 });
  });

  it('clones it again when its mirror had lost an object, which its first try has found', async () => {
    await server.clone('before');
    loseObject(
      join(server.scratch.path, 'mirrors', `${server.repository_id}.git`),
      server.mirror('rev-parse', 'main~1'),
    );
    await expect(server.clone('broken')).rejects.toThrow();
    await until(() =>
      server.clone(`after-${String(counter++)}`).then(
        () => true,
        () => false,
      ),
    );
  });

  it('pushes its own branch, again after a lost answer, and further commits', async () => {
    const checkout = await server.clone();
    const pushIt = () => server.push(checkout);
    for (const message of ['feat: three', 'feat: four']) {
      const pushed = commit(checkout, message);
      await expect(pushIt()).resolves.toMatchObject({ code: 0 });
      // Git asks for nothing when there is nothing to push.
      await expect(pushIt()).resolves.toMatchObject({ code: 0 });
      expect(server.mirror('rev-parse', BRANCH)).toBe(pushed);
      expect(server.grants.pushes.at(-1)).toBe(`${server.credentials.split(':')[0] ?? ''} ${pushed}`);
    }
  });

  it('pushes a branch without commits of its own', async () => {
    const checkout = await server.clone();
    await expect(server.push(checkout)).resolves.toMatchObject({
      code: 0,
    });
    expect(server.branches()).toContain(BRANCH);
  });

  it('pushes and fetches more than fits in any buffer', async () => {
    const checkout = await server.clone();
    writeFileSync(join(checkout, 'large'), randomBytes(12 * 1024 * 1024));
    git(checkout, 'add', '.');
    commit(checkout, 'feat: large');
    const push = await server.push(checkout);
    expect(push).toMatchObject({ code: 0 });
    const again = await server.clone('again');
    git(again, 'checkout', '-q', BRANCH);
    expect(readFileSync(join(again, 'large')).equals(readFileSync(join(checkout, 'large')))).toBe(true);
  });

  it('sends a zipped body', async () => {
    const want = Buffer.concat([
      packet('command=ls-refs\n'),
      Buffer.from('0001'),
      packet('ref-prefix refs/heads/\n'),
      Buffer.from('0000'),
    ]);
    await server.clone();
    const headers = {
      'content-type': 'application/x-git-upload-pack-request',
      'content-encoding': 'gzip',
      'git-protocol': 'version=2',
    };
    const answer = await send(server.open('POST', 'git-upload-pack', headers), gzipSync(want));
    expect(answer.status).toBe(200);
    expect(answer.body.toString()).toContain('refs/heads/main');
    const broken = await send(server.open('POST', 'git-upload-pack', headers), Buffer.from('no gzip'));
    expect(broken.status).toBe(400);
    const bytes = await send(server.open('POST', 'git-upload-pack', { ...headers, 'content-encoding': 'br' }), want);
    expect(bytes.status).toBe(415);
  });
});

describe('a client that goes away', () => {
  it.each([['git-upload-pack'], ['git-receive-pack']])('while it talks to %s leaves no process', async (service) => {
    await server.clone();
    const headers = { 'content-type': `application/x-${service}-request`, 'transfer-encoding': 'chunked' };
    const request = server.open('POST', service, headers).on('error', () => undefined);
    request.write(
      service === 'git-upload-pack'
        ? packet(`want ${git(server.source, 'rev-parse', 'HEAD')} side-band-64k\n`)
        : Buffer.concat([
            packet(
              `${'0'.repeat(40)} ${git(server.source, 'rev-parse', 'HEAD')} refs/heads/${BRANCH}\0report-status\n`,
            ),
            Buffer.from('0000PACK'),
          ]),
    );
    await until(() => server.serving().length > 0);
    request.destroy();
    await until(() => server.serving().length === 0);
  });

  it('while it reads slowly holds up git, and leaves no process', async () => {
    writeFileSync(join(server.source, 'large'), randomBytes(16 * 1024 * 1024));
    git(server.source, 'add', '.');
    commit(server.source, 'feat: large');
    await server.clone();
    const type = { 'content-type': 'application/x-git-upload-pack-request' };
    const request = server.open('POST', 'git-upload-pack', type).on('error', () => undefined);
    const want = packet(`want ${git(server.source, 'rev-parse', 'HEAD')} side-band-64k\n`);
    const answered = new Promise<IncomingMessage>((resolve) => request.once('response', resolve));
    request.end(Buffer.concat([want, Buffer.from('0000'), packet('done\n')]));
    (await answered).pause();
    // It has much more to give than was taken, so it waits.
    await expect(until(() => server.serving().length === 0, 1500)).rejects.toThrow();
    request.destroy();
    await until(() => server.serving().length === 0);
  });
});

describe('a push that falls silent', () => {
  const UNFINISHED_PACK = Buffer.concat([
    Buffer.from('PACK'),
    // Version 2, one object: a blob of 15 and more bytes in a stored block of zlib.
    Buffer.from('0000000200000001', 'hex'),
    Buffer.from('bf80087801' + '00ffff0000', 'hex'),
  ]);
  const command = (ref: string): Buffer => packet(`${'0'.repeat(40)} ${'1'.repeat(40)} ${ref}\0report-status\n`);

  it.each<[string, () => Buffer]>([
    ['before its first byte', () => Buffer.alloc(0)],
    ['within its commands', () => command(`refs/heads/${BRANCH}`).subarray(0, 60)],
    ['behind commands that are refused', () => Buffer.concat([command('refs/heads/main'), Buffer.from('0000PACK')])],
    [
      'within its pack',
      // One blob, of which the first hundred bytes come.
      () => Buffer.concat([command(`refs/heads/${BRANCH}`), Buffer.from('0000'), UNFINISHED_PACK, Buffer.alloc(100)]),
    ],
  ])('%s loses its connection', async (_, said) => {
    await server.stop();
    server.scratch.remove();
    server = await GitServer.start(1000);
    await server.clone();
    const headers = { 'content-type': 'application/x-git-receive-pack-request', 'transfer-encoding': 'chunked' };
    const request = server.open('POST', 'git-receive-pack', headers).on('error', () => undefined);
    let closed = false;
    request.once('socket', (socket) => socket.once('close', () => (closed = true)));
    request.once('response', (response) => response.resume());
    request.flushHeaders();
    request.write(said());
    await until(() => closed);
    await until(() => server.serving().length === 0);
  });
});

it('ends what is under way when the server stops', async () => {
  await server.clone();
  const headers = {
    'content-type': 'application/x-git-upload-pack-request',
    'transfer-encoding': 'chunked',
  };
  const request = server.open('POST', 'git-upload-pack', headers).on('error', () => undefined);
  request.write(packet(`want ${git(server.source, 'rev-parse', 'HEAD')}\n`));
  await until(() => server.serving().length > 0);
  await server.stop();
  await until(() => server.serving().length === 0);
});
