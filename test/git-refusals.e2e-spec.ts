import { randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '../src/ids.js';
import { BRANCH, GitServer, send } from './git-server.js';
import { commit, git } from './scratch-git.js';

let server: GitServer;

beforeEach(async () => {
  server = await GitServer.start();
});
afterEach(async () => {
  await server.stop();
  server.scratch.remove();
});

describe('refused is', () => {
  it('whoever has no server.credentials, or wrong ones', async () => {
    const path = 'info/refs?service=git-upload-pack';
    const wrong = [
      null,
      'Bearer x',
      'Basic !!!',
      server.authorization(`${newId()}:myw_secret`),
      server.authorization('x:y'),
    ];
    for (const authorization of [...wrong, server.authorization(server.credentials.replace('secret', 'guess'))]) {
      const answer = await send(server.open('GET', path, {}, authorization));
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toMatch(/^Basic realm=/);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'git/unauthenticated' });
    }
    const { code, said } = await server.attempt(
      server.scratch.path,
      'clone',
      server.url(`${newId()}:wrong`),
      'nothing',
    );
    expect(code).toBe(128);
    expect(said).toContain('Authentication failed');
    expect(readdirSync(server.scratch.path)).not.toContain('nothing');
  });

  it('the repository of another execution, there or not', async () => {
    const other = server.records.add(server.source);
    for (const id of [other, newId(), 'x', '..%2f..%2fetc']) {
      const { code, said } = await server.attempt(server.scratch.path, 'clone', server.url(undefined, id), 'nothing');
      expect({ code, said }).toMatchObject({ code: 128, said: expect.stringContaining('not found') as string });
    }
  });

  it('every branch but its own, and all of a push that names another too', async () => {
    const checkout = await server.clone();
    commit(checkout, 'feat: three');
    const before = server.branches();
    const refspecs = [
      ['HEAD:refs/heads/main'],
      [`HEAD:refs/heads/${BRANCH}0`],
      [`HEAD:refs/tags/${BRANCH}`],
      [`HEAD:refs/heads/${BRANCH}`, 'HEAD:refs/heads/task/other'],
      ['+HEAD:refs/heads/main'],
      [':refs/heads/main'],
    ];
    for (const refspec of refspecs) {
      const { code, said } = await server.push(checkout, ...(refspec as [string]));
      expect(code).toBe(1);
      expect(said).toContain(`this execution may push ${BRANCH} alone`);
      expect(server.branches()).toBe(before);
    }
  });

  it('a large push to a branch that is not its own, once it has all been said', async () => {
    const checkout = await server.clone();
    writeFileSync(join(checkout, 'large'), randomBytes(4 * 1024 * 1024));
    git(checkout, 'add', '.');
    commit(checkout, 'feat: large');
    const { code, said } = await server.push(checkout, 'HEAD:refs/heads/main');
    expect({ code, said }).toMatchObject({ code: 1, said: expect.stringContaining('remote rejected') as string });
  });

  it('to delete its branch or to take back what it has pushed', async () => {
    const checkout = await server.clone();
    const pushed = commit(checkout, 'feat: three');
    await server.push(checkout);
    git(checkout, 'reset', '-q', '--hard', 'HEAD~1');
    const forced = await server.attempt(checkout, 'push', '-f', server.url(), `HEAD:refs/heads/${BRANCH}`);
    expect(forced).toMatchObject({ code: 1, said: expect.stringContaining('remote rejected') as string });
    const deleted = await server.push(checkout, `:refs/heads/${BRANCH}`);
    expect(deleted).toMatchObject({ code: 1, said: expect.stringContaining('not deleted by push') as string });
    expect(server.mirror('rev-parse', BRANCH)).toBe(pushed);
  });

  it.each([
    ['that has lost its lease', { current: false }],
    ['that has no branch', { branch: null }],
  ])('a push of an execution %s, in words that git shows', async (_, changes) => {
    const checkout = await server.clone();
    commit(checkout, 'feat: three');
    const { code, said } = await server.attempt(
      checkout,
      'push',
      server.url(server.grant(changes)),
      `HEAD:refs/heads/${BRANCH}`,
    );
    expect(code).not.toBe(0);
    expect(said).toContain('execution/lease-lost');
    expect(server.branches()).toBe('main');
  });

  it('a push of an execution that loses its lease while it uploads', async () => {
    const checkout = await server.clone();
    commit(checkout, 'feat: three');
    const row = server.grants.rows.get(server.credentials);
    const before = server.grants.asked;
    // Asked for the references, when the push arrives, and before the branch is moved.
    server.grants.onAsked = (asked) => {
      if (asked === before + 3 && row) row.current = false;
    };
    // Credentials at once: git asks nothing without them first.
    const header = `http.extraHeader=Authorization: ${server.authorization()}`;
    const url = server.url('').replace('@', '');
    const { code, said } = await server.attempt(checkout, '-c', header, 'push', url, `HEAD:refs/heads/${BRANCH}`);
    expect(server.grants.asked).toBe(before + 3);
    expect(code).toBe(1);
    expect(said).toContain('execution/lease-lost');
    expect(server.branches()).toBe('main');
  });

  it('an object that is broken', async () => {
    const checkout = await server.clone();
    const tree = git(checkout, 'rev-parse', 'HEAD^{tree}');
    writeFileSync(join(checkout, 'raw'), `tree ${tree}\nauthor nobody\ncommitter nobody\n\nbroken\n`);
    const broken = git(checkout, 'hash-object', '-t', 'commit', '-w', '--literally', 'raw');
    const { code } = await server.push(checkout, `${broken}:refs/heads/${BRANCH}`);
    expect(code).not.toBe(0);
    expect(server.branches()).toBe('main');
  });

  it('the dumb protocol, and what no service knows', async () => {
    await server.clone();
    expect((await send(server.open('GET', 'info/refs'))).status).toBe(403);
    expect((await send(server.open('GET', 'info/refs?service=git-upload-archive'))).status).toBe(403);
    expect((await send(server.open('GET', 'HEAD'))).status).toBe(404);
    expect((await send(server.open('GET', 'objects/info/packs'))).status).toBe(404);
    expect((await send(server.open('POST', 'git-upload-pack'), Buffer.from('0000'))).status).toBe(415);
    const type = { 'content-type': 'application/x-git-receive-pack-request' };
    expect((await send(server.open('POST', 'git-receive-pack', type), Buffer.from('nonsense'))).status).toBe(400);
  });

  it('a source that is gone before there was a mirror, with the cause', async () => {
    server.moveTo(join(server.scratch.path, 'roots/gone'));
    const { said } = await server.attempt(server.scratch.path, 'clone', server.url(), 'nothing');
    expect(said).toContain('git/failed: There is no Git repository');
    expect(said).not.toContain('roots/gone');
  });
});
