import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type ClientRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Global, Logger, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { GitConfig } from '../src/config/git.config.js';
import { HttpConfig } from '../src/config/http.config.js';
import { Configuration } from '../src/config/load.js';
import { GitAccess, type ExecutionGrant } from '../src/git/git-access.js';
import { GitHttpModule } from '../src/git/git-http.module.js';
import { GitModule } from '../src/git/git.module.js';
import { MirrorRecords, type MirrorRecord } from '../src/git/mirror-records.js';
import { packet } from '../src/git/push-commands.js';
import { BoundedExpressAdapter } from '../src/http/server.js';
import { newId } from '../src/ids.js';
import { liveProcesses, until } from './git-processes.js';
import { commit, git, GIT_ENVIRONMENT, Scratch } from './scratch-git.js';

const BRANCH = 'task/x-0123abcd-a1';

/** The port of the executions, over a map of credentials. */
class Grants extends GitAccess {
  readonly rows = new Map<string, ExecutionGrant>();
  asked = 0;
  /** Called at each question, before it is answered. */
  onAsked: (asked: number) => void = () => undefined;

  override forExecution(execution_id: string, worker_token: string): Promise<ExecutionGrant | null> {
    this.onAsked(++this.asked);
    return Promise.resolve(this.rows.get(`${execution_id}:${worker_token}`) ?? null);
  }
}

/** The port of the repositories, over a map of paths. */
class Paths extends MirrorRecords {
  readonly rows = new Map<string, string>();

  override find(id: string): Promise<MirrorRecord | null> {
    const path = this.rows.get(id);
    const known = { default_branch: null, synced_ms_ago: null };
    return Promise.resolve(path === undefined ? null : { source: { kind: 'local', path }, ...known });
  }
  override synced(): Promise<void> {
    return Promise.resolve();
  }
  override failed(): Promise<void> {
    return Promise.resolve();
  }
}

@Global()
@Module({})
class Ports {
  static with(...values: object[]): DynamicModule {
    const tokens = [GitAccess, MirrorRecords, GitConfig, HttpConfig];
    const providers = tokens.map((provide, at) => ({ provide, useValue: values[at] }));
    return { module: Ports, providers, exports: tokens };
  }
}

@Module({})
class TestModule {}

let scratch: Scratch;
let app: NestExpressApplication;
let grants: Grants;
let paths: Paths;
let source: string;
let repository_id: string;
let credentials: string;
let port: number;

beforeAll(() => Logger.overrideLogger(false));

beforeEach(async () => {
  scratch = new Scratch();
  grants = new Grants();
  paths = new Paths();
  const environment = {
    NODE_ENV: 'test',
    GIT_ROOT: scratch.directory('mirrors'),
    LOCAL_REPOSITORY_ROOTS: scratch.directory('roots'),
  };
  const configuration = new Configuration([GitConfig, HttpConfig], environment);
  const http = configuration.get(HttpConfig);
  const ports = Ports.with(grants, paths, configuration.get(GitConfig), http);
  app = await NestFactory.create<NestExpressApplication>(
    { module: TestModule, imports: [ports, GitModule, GitHttpModule] },
    new BoundedExpressAdapter(http),
    { bodyParser: false, logger: false },
  );
  await app.listen(0, '127.0.0.1');
  port = ((app.getHttpServer() as Server).address() as AddressInfo).port;
  source = scratch.repository('roots/project', ['feat: one', 'feat: two']);
  repository_id = newId();
  paths.rows.set(repository_id, source);
  credentials = grant();
});

afterEach(async () => {
  (app.getHttpServer() as Server).closeAllConnections();
  await app.close();
  scratch.remove();
});

/** Makes an execution and gives its credentials. */
function grant(changes: Partial<ExecutionGrant> = {}): string {
  const pair = `${newId()}:myw_secret`;
  grants.rows.set(pair, { repository_id, branch: BRANCH, current: true, worker_id: newId(), ...changes });
  return pair;
}

const urlFor = (pair: string, id = repository_id): string => `http://${pair}@127.0.0.1:${String(port)}/git/${id}.git`;
const mirror = (): string => join(scratch.path, 'mirrors', `${repository_id}.git`);
const branches = (): string => git(mirror(), 'for-each-ref', '--format=%(refname:lstrip=2)', 'refs/heads');

/** What git says, whether it fails or not. The server runs in this process, so this must not block it. */
async function attempt(cwd: string, ...args: string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn('git', args, { cwd, env: GIT_ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, said })));
}

async function clone(name = 'checkout', ...options: string[]): Promise<string> {
  const path = join(scratch.path, name);
  const { code, said } = await attempt(scratch.path, ...options, 'clone', '-q', urlFor(credentials), path);
  if (code !== 0) throw new Error(said);
  return path;
}

interface Answer {
  status: number | undefined;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

function open(method: string, path: string, headers: Record<string, string> = {}): ClientRequest {
  return httpRequest({
    host: '127.0.0.1',
    port,
    method,
    path: `/git/${repository_id}.git/${path}`,
    headers,
    agent: false,
  });
}

const basic = (pair = credentials) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });

function send(request: ClientRequest, body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.once('error', reject).once('response', (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.end(body);
  });
}

/** Git processes of the server that serve this repository. */
const serving = () => liveProcesses().filter(({ command }) => command.includes(repository_id));

describe('a worker', () => {
  it.each([0, 1, 2])('clones the repository of its execution, with version %i of the protocol', async (version) => {
    const checkout = await clone('checkout', '-c', `protocol.version=${String(version)}`);
    expect(git(checkout, 'log', '--format=%s')).toBe('feat: two\nfeat: one');
    expect(git(checkout, 'branch', '--show-current')).toBe('main');
  });

  it('sees a commit that was made a moment ago', async () => {
    const checkout = await clone();
    const late = commit(source, 'feat: three');
    await attempt(checkout, 'fetch', '-q');
    expect(git(checkout, 'rev-parse', 'origin/main')).toBe(late);
  });

  it('clones an empty repository', async () => {
    git(scratch.directory('roots/empty'), 'init', '-q');
    paths.rows.set(repository_id, join(scratch.path, 'roots/empty'));
    await expect(clone()).resolves.toContain('checkout');
  });

  it('clones a repository of which only the tip was fetched', async () => {
    git(scratch.path, 'clone', '-q', '--depth', '1', `file://${source}`, join(scratch.path, 'roots/shallow'));
    paths.rows.set(repository_id, join(scratch.path, 'roots/shallow'));
    const checkout = await clone();
    expect(git(checkout, 'log', '--format=%s')).toBe('feat: two');
    commit(checkout, 'feat: three');
    const push = await attempt(checkout, 'push', urlFor(credentials), `HEAD:refs/heads/${BRANCH}`);
    expect(push).toMatchObject({ code: 0 });
  });

  it('pushes its own branch, again after a lost answer, and further commits', async () => {
    const checkout = await clone();
    const pushIt = () => attempt(checkout, 'push', urlFor(credentials), `HEAD:refs/heads/${BRANCH}`);
    for (const message of ['feat: three', 'feat: four']) {
      const pushed = commit(checkout, message);
      await expect(pushIt()).resolves.toMatchObject({ code: 0 });
      await expect(pushIt()).resolves.toMatchObject({ code: 0 });
      expect(git(mirror(), 'rev-parse', BRANCH)).toBe(pushed);
    }
  });

  it('pushes a branch without commits of its own', async () => {
    const checkout = await clone();
    await expect(attempt(checkout, 'push', urlFor(credentials), `HEAD:refs/heads/${BRANCH}`)).resolves.toMatchObject({
      code: 0,
    });
    expect(branches()).toContain(BRANCH);
  });

  it('pushes and fetches more than fits in any buffer', async () => {
    const checkout = await clone();
    writeFileSync(join(checkout, 'large'), randomBytes(12 * 1024 * 1024));
    git(checkout, 'add', '.');
    commit(checkout, 'feat: large');
    const push = await attempt(checkout, 'push', urlFor(credentials), `HEAD:refs/heads/${BRANCH}`);
    expect(push).toMatchObject({ code: 0 });
    const again = await clone('again');
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
    await clone();
    const headers = {
      ...basic(),
      'content-type': 'application/x-git-upload-pack-request',
      'content-encoding': 'gzip',
      'git-protocol': 'version=2',
    };
    const answer = await send(open('POST', 'git-upload-pack', headers), gzipSync(want));
    expect(answer.status).toBe(200);
    expect(answer.body.toString()).toContain('refs/heads/main');
    const broken = await send(open('POST', 'git-upload-pack', headers), Buffer.from('no gzip'));
    expect(broken.status).toBe(400);
    const bytes = await send(open('POST', 'git-upload-pack', { ...headers, 'content-encoding': 'br' }), want);
    expect(bytes.status).toBe(415);
  });
});

describe('refused is', () => {
  it('whoever has no credentials, or wrong ones', async () => {
    const path = 'info/refs?service=git-upload-pack';
    const wrong = [
      undefined,
      'Bearer x',
      'Basic !!!',
      basic(`${newId()}:myw_secret`).authorization,
      basic('x:y').authorization,
    ];
    for (const authorization of [...wrong, basic(credentials.replace('secret', 'guess')).authorization]) {
      const answer = await send(open('GET', path, authorization === undefined ? {} : { authorization }));
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toMatch(/^Basic realm=/);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'git/unauthenticated' });
    }
    const { code, said } = await attempt(scratch.path, 'clone', urlFor(`${newId()}:wrong`), 'nothing');
    expect(code).toBe(128);
    expect(said).toContain('Authentication failed');
    expect(readdirSync(scratch.path)).not.toContain('nothing');
  });

  it('the repository of another execution, there or not', async () => {
    const other = newId();
    paths.rows.set(other, source);
    for (const id of [other, newId(), 'x', '..%2f..%2fetc']) {
      const { code, said } = await attempt(scratch.path, 'clone', urlFor(credentials, id), 'nothing');
      expect({ code, said }).toMatchObject({ code: 128, said: expect.stringContaining('not found') as string });
    }
  });

  it('every branch but its own, and all of a push that names another too', async () => {
    const checkout = await clone();
    commit(checkout, 'feat: three');
    const before = branches();
    const refspecs = [
      ['HEAD:refs/heads/main'],
      [`HEAD:refs/heads/${BRANCH}0`],
      [`HEAD:refs/tags/${BRANCH}`],
      [`HEAD:refs/heads/${BRANCH}`, 'HEAD:refs/heads/task/other'],
      ['+HEAD:refs/heads/main'],
      [':refs/heads/main'],
    ];
    for (const refspec of refspecs) {
      const { code, said } = await attempt(checkout, 'push', urlFor(credentials), ...refspec);
      expect(code).toBe(1);
      expect(said).toContain(`this execution may push ${BRANCH} alone`);
      expect(branches()).toBe(before);
    }
  });

  it('a large push to a branch that is not its own, once it has all been said', async () => {
    const checkout = await clone();
    writeFileSync(join(checkout, 'large'), randomBytes(4 * 1024 * 1024));
    git(checkout, 'add', '.');
    commit(checkout, 'feat: large');
    const { code, said } = await attempt(checkout, 'push', urlFor(credentials), 'HEAD:refs/heads/main');
    expect({ code, said }).toMatchObject({ code: 1, said: expect.stringContaining('remote rejected') as string });
  });

  it('to delete its branch or to take back what it has pushed', async () => {
    const checkout = await clone();
    const pushed = commit(checkout, 'feat: three');
    await attempt(checkout, 'push', urlFor(credentials), `HEAD:refs/heads/${BRANCH}`);
    git(checkout, 'reset', '-q', '--hard', 'HEAD~1');
    const forced = await attempt(checkout, 'push', '-f', urlFor(credentials), `HEAD:refs/heads/${BRANCH}`);
    expect(forced).toMatchObject({ code: 1, said: expect.stringContaining('remote rejected') as string });
    const deleted = await attempt(checkout, 'push', urlFor(credentials), `:refs/heads/${BRANCH}`);
    expect(deleted).toMatchObject({ code: 1, said: expect.stringContaining('not deleted by push') as string });
    expect(git(mirror(), 'rev-parse', BRANCH)).toBe(pushed);
  });

  it.each([
    ['that has lost its lease', { current: false }],
    ['that has no branch', { branch: null }],
  ])('a push of an execution %s, in words that git shows', async (_, changes) => {
    const checkout = await clone();
    commit(checkout, 'feat: three');
    const { code, said } = await attempt(checkout, 'push', urlFor(grant(changes)), `HEAD:refs/heads/${BRANCH}`);
    expect(code).not.toBe(0);
    expect(said).toContain('execution/lease-lost');
    expect(branches()).toBe('main');
  });

  it('a push of an execution that loses its lease while it uploads', async () => {
    const checkout = await clone();
    commit(checkout, 'feat: three');
    const row = grants.rows.get(credentials);
    const before = grants.asked;
    // Asked for the references, when the push arrives, and before the branch is moved.
    grants.onAsked = (asked) => {
      if (asked === before + 3 && row) row.current = false;
    };
    // Credentials at once: git asks nothing without them first.
    const header = `http.extraHeader=Authorization: ${basic().authorization}`;
    const url = urlFor('').replace('@', '');
    const { code, said } = await attempt(checkout, '-c', header, 'push', url, `HEAD:refs/heads/${BRANCH}`);
    expect(grants.asked).toBe(before + 3);
    expect(code).toBe(1);
    expect(said).toContain('execution/lease-lost');
    expect(branches()).toBe('main');
  });

  it('an object that is broken', async () => {
    const checkout = await clone();
    const tree = git(checkout, 'rev-parse', 'HEAD^{tree}');
    writeFileSync(join(checkout, 'raw'), `tree ${tree}\nauthor nobody\ncommitter nobody\n\nbroken\n`);
    const broken = git(checkout, 'hash-object', '-t', 'commit', '-w', '--literally', 'raw');
    const { code } = await attempt(checkout, 'push', urlFor(credentials), `${broken}:refs/heads/${BRANCH}`);
    expect(code).not.toBe(0);
    expect(branches()).toBe('main');
  });

  it('the dumb protocol, and what no service knows', async () => {
    await clone();
    expect((await send(open('GET', 'info/refs', basic()))).status).toBe(403);
    expect((await send(open('GET', 'info/refs?service=git-upload-archive', basic()))).status).toBe(403);
    expect((await send(open('GET', 'HEAD', basic()))).status).toBe(404);
    expect((await send(open('GET', 'objects/info/packs', basic()))).status).toBe(404);
    expect((await send(open('POST', 'git-upload-pack', basic()), Buffer.from('0000'))).status).toBe(415);
    const type = { 'content-type': 'application/x-git-receive-pack-request' };
    expect(
      (await send(open('POST', 'git-receive-pack', { ...basic(), ...type }), Buffer.from('nonsense'))).status,
    ).toBe(400);
  });

  it('a source that is gone before there was a mirror, with the cause', async () => {
    paths.rows.set(repository_id, join(scratch.path, 'roots/gone'));
    const { said } = await attempt(scratch.path, 'clone', urlFor(credentials), 'nothing');
    expect(said).toContain('git/path-refused');
    expect(said).not.toContain('roots/gone');
  });
});

describe('a client that goes away', () => {
  it.each([['git-upload-pack'], ['git-receive-pack']])('while it talks to %s leaves no process', async (service) => {
    await clone();
    const headers = { ...basic(), 'content-type': `application/x-${service}-request`, 'transfer-encoding': 'chunked' };
    const request = open('POST', service, headers).on('error', () => undefined);
    request.write(
      service === 'git-upload-pack'
        ? packet(`want ${git(source, 'rev-parse', 'HEAD')} side-band-64k\n`)
        : Buffer.concat([
            packet(`${'0'.repeat(40)} ${git(source, 'rev-parse', 'HEAD')} refs/heads/${BRANCH}\0report-status\n`),
            Buffer.from('0000PACK'),
          ]),
    );
    await until(() => serving().length > 0);
    request.destroy();
    await until(() => serving().length === 0, 2000);
  });

  it('while it reads slowly holds up git, and leaves no process', async () => {
    writeFileSync(join(source, 'large'), randomBytes(16 * 1024 * 1024));
    git(source, 'add', '.');
    commit(source, 'feat: large');
    await clone();
    const type = { 'content-type': 'application/x-git-upload-pack-request' };
    const request = open('POST', 'git-upload-pack', { ...basic(), ...type }).on('error', () => undefined);
    const want = packet(`want ${git(source, 'rev-parse', 'HEAD')} side-band-64k\n`);
    const answered = new Promise<IncomingMessage>((resolve) => request.once('response', resolve));
    request.end(Buffer.concat([want, Buffer.from('0000'), packet('done\n')]));
    (await answered).pause();
    // It has much more to give than was taken, so it waits.
    await expect(until(() => serving().length === 0, 1500)).rejects.toThrow();
    request.destroy();
    await until(() => serving().length === 0, 2000);
  });
});

it('ends what is under way when the server stops', async () => {
  await clone();
  const headers = {
    ...basic(),
    'content-type': 'application/x-git-upload-pack-request',
    'transfer-encoding': 'chunked',
  };
  const request = open('POST', 'git-upload-pack', headers).on('error', () => undefined);
  request.write(packet(`want ${git(source, 'rev-parse', 'HEAD')}\n`));
  await until(() => serving().length > 0);
  (app.getHttpServer() as Server).closeAllConnections();
  await app.close();
  await until(() => serving().length === 0, 2000);
});
