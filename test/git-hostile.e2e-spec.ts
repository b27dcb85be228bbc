import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Caller } from './caller.js';
import { figure } from './figures.js';
import { hostileAddresses, hostilePaths, hostileRefs, hostileVariables, type Trap } from './hostile-names.js';
import { FULL, PATIENCE_MS } from './scale.js';
import { commit, git, GIT_ENVIRONMENT, Scratch } from './scratch-git.js';
import { ServerProcess } from './server-process.js';
import { startTestApp, testEnvironment, type TestApp } from './test-app.js';
import { createDatabase } from './test-database.js';

let trap: Trap;

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), 'miyabi-trap-'));
  trap = { directory, command: (name) => `touch ${directory}/canary-${name}` };
});
afterEach(() => rmSync(trap.directory, { recursive: true, force: true }));

const canaries = (): string[] => readdirSync(trap.directory).filter((name) => name.startsWith('canary-'));

/** All of them where the figure is published, a part of each kind with every run. */
const some = (names: readonly string[]): string[] => names.filter((_, at) => FULL || at % 4 === 0);

describe('names in requests', () => {
  let server: TestApp;
  let scratch: Scratch;
  let caller: Caller;
  let id: string;

  beforeAll(async () => {
    scratch = new Scratch();
    server = await startTestApp({
      GIT_ROOT: scratch.directory('mirrors'),
      LOCAL_REPOSITORY_ROOTS: scratch.directory('roots'),
      // So that addresses are kept from nothing but what git makes of them.
      PRIVATE_CLONE_ADDRESSES: 'on',
    });
    caller = await Caller.signIn(server);
    const source = scratch.repository('roots/source', ['feat: one', 'feat: two']);
    git(source, 'tag', 'v1');
    id = (await caller.register(source)).id;
  });
  afterAll(async () => {
    await server.close();
    scratch.remove();
  });

  it(
    'are never run, whatever route takes them',
    async () => {
      const [refs, addresses, paths] = [hostileRefs(trap), hostileAddresses(trap), hostilePaths(trap)];
      expect(refs.length + addresses.length + paths.length).toBeGreaterThanOrEqual(80);
      let calls = 0;
      const send = async (request: PromiseLike<{ status: number; text: string }>): Promise<void> => {
        const { status, text } = await request;
        calls += 1;
        if (status >= 500 && status !== 503) throw new Error(`${String(status)} ${text}`);
      };
      for (const name of some(refs)) {
        const word = encodeURIComponent(name);
        await send(caller.get(`/logs?repository_id=${id}&ref=${word}`));
        await send(caller.get(`/repositories/${id}/commits?ref=${word}`));
        await send(caller.get(`/repositories/${id}/commits/${word}`));
        await send(caller.get(`/deployments/compare?repository_id=${id}&from=v1&to=${word}`));
        await send(caller.post('/deployments', { repository_id: id, version: name }));
        await send(caller.post('/deployments', { repository_id: id, version: 'v1', environment: name }));
        await send(caller.post('/tasks', { name: 'x', repository_id: id, base_ref: name }));
        await send(caller.post('/worktrees', { repository_id: id, branch: name, base_ref: name }));
        await send(caller.post('/repositories', { local_path: scratch.path, default_branch: name }));
        await send(caller.patch(`/repositories/${id}`, { default_branch: name }));
      }
      for (const name of some(addresses)) {
        for (const field of ['clone_url', 'full_name', 'local_path'])
          await send(caller.post('/repositories', { [field]: name }));
      }
      for (const name of some(paths)) {
        const word = encodeURIComponent(name);
        await send(caller.get(`/repositories/${id}/commits?path=${word}`));
        await send(caller.get(`/repositories/${id}/commits/HEAD?path=${word}`));
        await send(caller.post('/repositories', { local_path: join(scratch.path, 'roots', 'x') + name }));
      }
      // What was registered is fetched, too.
      for (const repository of (await caller.repositories('limit=100')).items)
        await send(caller.post(`/repositories/${repository.id}/sync`));
      expect(canaries()).toEqual([]);
      const tried = some(refs).length + some(addresses).length + some(paths).length;
      figure(18, 'hostile refs, addresses and paths, in how many requests: canary files', tried, 'in', calls, ': 0');
    },
    PATIENCE_MS,
  );

  it('control: a program that hands them to a shell, or to git as they are, leaves canaries', () => {
    const source = join(scratch.path, 'roots/source');
    const run = (program: string, ...args: string[]) =>
      spawnSync(program, args, {
        cwd: source,
        env: { ...GIT_ENVIRONMENT, GIT_ALLOW_PROTOCOL: 'ext:file' },
        timeout: 20_000,
      });
    const plain = [...hostileRefs(trap), ...hostilePaths(trap)].filter((name) => !name.includes('\u0000'));
    for (const name of plain) run('sh', '-c', `git log ${name} </dev/null`);
    for (const address of hostileAddresses(trap).filter((one) => one.startsWith('ext::')))
      run('git', 'ls-remote', address);
    run('git', 'ls-remote', `--upload-pack=${trap.command('option')};`, source);
    expect(canaries().sort()).toEqual(['canary-address', 'canary-option', 'canary-path', 'canary-ref']);
    figure(18, 'control: canary files of programs that hand the same names to a shell and to git', canaries().length);
  });
});

describe('variables of git in the environment of the server', () => {
  it(
    'change nothing of what it does, and run nothing',
    async () => {
      const scratch = new Scratch();
      const database = await createDatabase();
      const source = scratch.repository('roots/source', ['feat: one']);
      git(source, 'tag', 'v1');
      const variables = hostileVariables(trap);
      const server = new ServerProcess({
        ...testEnvironment(database.url),
        GIT_ROOT: scratch.directory('mirrors'),
        LOCAL_REPOSITORY_ROOTS: scratch.directory('roots'),
        PRIVATE_CLONE_ADDRESSES: 'on',
        ...variables,
      });
      try {
        const url = `${await server.url()}/api/v1`;
        const ask = async (token: string, method: string, path: string, body?: object) => {
          const answer = await fetch(url + path, {
            method,
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
            ...(body && { body: JSON.stringify(body) }),
          });
          return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
        };
        const login = { github_id: 1, email: 'ada@example.com' };
        const token = String((await ask('', 'POST', '/auth/mock', login)).body['access_token']);
        const registered = await ask(token, 'POST', '/repositories', { local_path: source });
        expect(registered).toMatchObject({ status: 201, body: { status: 'ready' } });
        const id = String(registered.body['id']);
        commit(source, 'feat: two');
        const names = async (path: string, field: string) => {
          const { status, body } = await ask(token, 'GET', path);
          return [status, ...(body['items'] as Record<string, unknown>[]).map((item) => item[field])];
        };
        expect(await names(`/logs?repository_id=${id}`, 'message')).toEqual([200, 'feat: two', 'feat: one']);
        expect(await names(`/deployments?repository_id=${id}`, 'version')).toEqual([200, 'v1']);
        expect(await names(`/repositories/${id}/commits`, 'subject')).toEqual([200, 'feat: two', 'feat: one']);
        const sha = git(source, 'rev-parse', 'HEAD');
        expect((await ask(token, 'GET', `/repositories/${id}/commits/${sha}`)).status).toBe(200);
        expect(await names(`/repositories/${id}/branches`, 'name')).toEqual([200, 'main']);
        const compared = `/deployments/compare?repository_id=${id}&from=v1&to=${sha}`;
        expect(await names(compared, 'message')).toEqual([200, 'feat: two']);
        git(source, 'worktree', 'add', '-q', '-b', 'linked', join(scratch.path, 'roots', 'linked'));
        commit(join(scratch.path, 'roots', 'linked'), 'feat: linked');
        expect(await names(`/worktrees?repository_id=${id}`, 'branch')).toEqual([200, 'linked']);
        const [, worktree] = await names(`/worktrees?repository_id=${id}`, 'id');
        expect((await ask(token, 'GET', `/worktrees/${String(worktree)}/diff`)).status).toBe(200);
        // A worker's clone and push, and what the server makes of them.
        const worker = (await ask(token, 'POST', '/workers', { name: 'w' })).body as unknown as {
          worker: { id: string };
          token: string;
        };
        await ask(token, 'POST', '/tasks', { name: 't', agent_type: 'note', repository_id: id });
        const claim = await ask(worker.token, 'POST', `/workers/${worker.worker.id}/claim`, { max: 1 });
        const [claimed] = claim.body['executions'] as { execution: { id: string }; branch: string }[];
        const account = `http://${String(claimed?.execution.id)}:${worker.token}@`;
        const address = `${(await server.url()).replace('http://', account)}/git/${id}.git`;
        const checkout = join(scratch.path, 'checkout');
        git(scratch.path, 'clone', '-q', address, checkout);
        commit(checkout, 'feat: mine');
        git(checkout, 'push', '-q', address, `HEAD:refs/heads/${String(claimed?.branch)}`);
        const { status, body: forecast } = await ask(token, 'GET', `/repositories/${id}/conflicts`);
        expect([status, forecast['executions']]).toMatchObject([
          200,
          [{ commit_sha: git(checkout, 'rev-parse', 'HEAD') }],
        ]);
        for (const clone_url of ['https://127.0.0.1:1/x.git', 'ssh://git@127.0.0.1:1/x.git']) {
          const { body } = await ask(token, 'POST', '/repositories', { clone_url });
          expect((await ask(token, 'POST', `/repositories/${String(body['id'])}/sync`)).status).toBe(503);
        }
        expect(canaries()).toEqual([]);
        figure(
          18,
          'variables of git in the environment of the server, canary files',
          Object.keys(variables).length,
          ': 0',
        );
      } finally {
        await server.kill();
        await database.drop();
        scratch.remove();
      }
    },
    PATIENCE_MS,
  );

  it('control: git that is given them runs what they name', () => {
    const scratch = new Scratch();
    const source = scratch.repository('source', ['feat: one']);
    const variables = hostileVariables(trap);
    const without = (...names: string[]) =>
      Object.fromEntries(Object.entries(variables).filter(([name]) => !names.includes(name)));
    const places = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_COMMON_DIR', 'GIT_OBJECT_DIRECTORY'];
    const rest = without(...places);
    const run = (environment: Record<string, string>, ...args: string[]) =>
      spawnSync('git', args, { cwd: source, env: { PATH: GIT_ENVIRONMENT.PATH, ...environment }, timeout: 20_000 });
    run(rest, 'ls-remote', 'ssh://git@127.0.0.1:1/x');
    run(rest, 'fetch', source);
    const withPrograms = without(...places, 'GIT_EXEC_PATH');
    run(withPrograms, 'ls-remote', 'ssh://git@127.0.0.1:1/x');
    run(withPrograms, 'status');
    scratch.remove();
    const found = canaries();
    expect(found).toEqual(expect.arrayContaining(['canary-program', 'canary-trace', 'canary-trace2']));
    expect(found.some((name) => name.startsWith('canary-exec-path'))).toBe(true);
    figure(18, 'control: canary files of git that is given the same variables', found.length);
  });
});
