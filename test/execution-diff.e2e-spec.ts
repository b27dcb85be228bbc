import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { components } from '../src/client/schema.generated.js';
import { newId } from '../src/ids.js';
import { registerWorker, signInPerson, type Answer, type TestPerson, type TestWorker } from './fleet.js';
import { liveProcesses, until } from './git-processes.js';
import { GitSite } from './git-site.js';
import { endless, withGit } from './replaced-git.js';
import { commit, git, GIT_ENVIRONMENT } from './scratch-git.js';
import { startTestApp, type TestApp } from './test-app.js';

type ExecutionDiff = components['schemas']['ExecutionDiff'];

let site: GitSite;
let server: TestApp;
let ada: TestPerson;
let worker: TestWorker;
let source: string;
let repository: string;

beforeAll(async () => {
  site = await GitSite.open();
  server = site.server;
  ada = await signInPerson(server);
  worker = await registerWorker(server);
});
beforeEach(async () => {
  source = site.source([]);
  writeFileSync(join(source, 'README.md'), '# project\n');
  git(source, 'add', '--all');
  commit(source, 'docs: say what it is');
  const registered = await ada.post('/repositories', { local_path: source });
  repository = String(registered.body['id']);
});
afterAll(() => site.close());

/** Git on behalf of a worker; the server runs in this process, so this must not block it. */
async function byWorker(cwd: string, ...args: string[]): Promise<void> {
  const child = spawn('git', args, { cwd, env: GIT_ENVIRONMENT, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(said);
}

interface Attempt {
  id: string;
  checkout: string;
  base: string;
  /** Commits files and pushes them as the execution's branch. Gives the commit. */
  push(files: Record<string, string | Buffer>): Promise<string>;
}

/** A worker's attempt at a task in the repository, with its checkout. */
async function begin(): Promise<Attempt> {
  await ada.task({ repository_id: repository });
  const [{ execution_id: id, branch } = { execution_id: '', branch: '' }] = await worker.claim({ max: 1 });
  const checkout = join(site.scratch.path, id);
  const address = new URL(`/git/${repository}.git`, server.url);
  Object.assign(address, { username: id, password: worker.token });
  await byWorker(site.scratch.path, 'clone', '-q', address.href, checkout);
  const push = async (files: Record<string, string | Buffer>): Promise<string> => {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(checkout, name, '..'), { recursive: true });
      writeFileSync(join(checkout, name), content);
    }
    git(checkout, 'add', '--all');
    const sha = commit(checkout, 'feat: more');
    await byWorker(checkout, 'push', '-q', address.href, `HEAD:refs/heads/${branch}`);
    return sha;
  };
  return { id, checkout, base: git(checkout, 'rev-parse', 'HEAD'), push };
}

const ask = (id: string, query = ''): Promise<Answer> => ada.get(`/executions/${id}/diff${query}`);

async function diffOf(id: string, query = ''): Promise<ExecutionDiff> {
  const { status, body } = await ask(id, query);
  if (status !== 200) throw new Error(`the diff was answered with ${String(status)} ${JSON.stringify(body)}`);
  return body as unknown as ExecutionDiff;
}

const refusalOf = async (asked: Promise<Answer>): Promise<string> => {
  const { status, body } = await asked;
  return `${String(status)} ${String(body['code'])}`;
};

describe('the diff of an execution', () => {
  it('is what its worker pushed, on top of where it started', async () => {
    const { id, base, push } = await begin();
    const head = await push({ 'README.md': '# project\nMore.\n', 'src/new.ts': 'export {};' });
    await worker.finish(id, { outcome: 'completed', base_sha: base, commit_sha: head });
    expect(await diffOf(id)).toEqual({
      execution_id: id,
      base_from: 'execution',
      seen_in: 'push',
      seen_at: expect.any(String),
      base_sha: base,
      head_sha: head,
      files_changed: 2,
      additions: 2,
      deletions: 0,
      truncated: false,
      files: [
        {
          path: 'README.md',
          previous_path: null,
          status: 'modified',
          mode: '100644',
          previous_mode: '100644',
          additions: 1,
          deletions: 0,
          binary: false,
          patch: expect.stringMatching(/^diff --git a\/README.md [^]*@@ -1 \+1,2 @@\n # project\n\+More.\n$/),
          truncated: false,
        },
        expect.objectContaining({ path: 'src/new.ts', status: 'added', previous_mode: null }),
      ],
    });
    expect(await diffOf(id, '?path=src')).toMatchObject({ files_changed: 1, files: [{ path: 'src/new.ts' }] });
  });

  it('is there while it runs, without what others have done meanwhile', async () => {
    const { id, base, push } = await begin();
    await push({ mine: 'one\n' });
    writeFileSync(join(source, 'theirs'), 'two\n');
    git(source, 'add', '--all');
    commit(source, 'feat: theirs');
    await ada.post(`/repositories/${repository}/sync`);
    const diff = await diffOf(id);
    expect(diff).toMatchObject({ base_from: 'default_branch', base_sha: base });
    expect(diff.files.map(({ path }) => path)).toEqual(['mine']);
    const head = await push({ mine: 'one\nthree\n' });
    expect(await diffOf(id)).toMatchObject({ head_sha: head, additions: 2 });
  });

  it('starts where the default branch was left when the commit it started from is gone', async () => {
    const { id, base, push } = await begin();
    const head = await push({ mine: 'one\n' });
    await worker.finish(id, { outcome: 'completed', base_sha: 'f'.repeat(40), commit_sha: head });
    expect(await diffOf(id)).toMatchObject({ base_from: 'default_branch', base_sha: base, files_changed: 1 });
  });

  it('starts from nothing when it shares no history with the default branch', async () => {
    const { id, checkout, push } = await begin();
    git(checkout, 'checkout', '-q', '--orphan', 'alone');
    await push({ mine: 'one\n' });
    expect(await diffOf(id)).toMatchObject({ base_from: 'nothing', base_sha: null, files_changed: 2 });
  });

  it('finds a commit that was pushed to the repository itself', async () => {
    const { id, base } = await begin();
    const elsewhere = commit(source, 'feat: not in the mirror yet');
    await worker.finish(id, { outcome: 'completed', base_sha: base, commit_sha: elsewhere });
    expect(await diffOf(id)).toMatchObject({ head_sha: elsewhere, files_changed: 0, files: [] });
  });

  it('is as long as it may be, and says what is missing', async () => {
    const { id, push } = await begin();
    const text = `${'雅'.repeat(30)}\n`.repeat(1500);
    const names = Array.from({ length: 302 }, (_, at) => `f${String(at + 100)}`);
    await push(Object.fromEntries(names.map((name, at) => [name, at < 20 ? text : 'x\n'])));
    const diff = await diffOf(id);
    expect(diff).toMatchObject({ files_changed: 302, additions: 20 * 1500 + 282, truncated: true });
    expect(diff.files).toHaveLength(300);
    const size = diff.files.reduce((sum, { patch }) => sum + Buffer.byteLength(patch ?? ''), 0);
    expect(size).toBeLessThanOrEqual(1024 * 1024);
    expect(diff.files[0]).toMatchObject({ additions: 1500, truncated: true });
    expect(diff.files[0]?.patch?.endsWith('雅\n')).toBe(true);
    expect(diff.files.at(-1)).toMatchObject({ path: 'f399', additions: 1, patch: null, truncated: true });
    expect(JSON.stringify(diff)).not.toContain('\ufffd');
    // What had no room is there for those who ask for it.
    expect(await diffOf(id, '?path=f399')).toMatchObject({ truncated: false, files: [{ additions: 1 }] });
  });

  it('shows hostile names and bytes as data', async () => {
    const { id, push } = await begin();
    const names = ['-p', '--output=canary', ':(glob)**', '"quoted"\t\n', '$(touch canary)', 'a b/a', '.gitattributes'];
    await push({
      ...Object.fromEntries(names.map((name) => [name, '* -diff\n'])),
      bytes: Buffer.from([0xff, 0x00, 0x0a]),
      latin: Buffer.from([0xe9, 0x0a]),
    });
    const { files } = await diffOf(id);
    expect(files.map(({ path }) => path).sort()).toEqual([...names, 'bytes', 'latin'].sort());
    expect(files.filter(({ binary }) => binary).map(({ path }) => path)).toEqual(['bytes']);
    expect(files.find(({ path }) => path === 'latin')?.patch).toContain('+\ufffd\n');
    expect(await diffOf(id, `?path=${encodeURIComponent(':(glob)**')}`)).toMatchObject({ files_changed: 1 });
    expect(await diffOf(id, '?path=--output=canary')).toMatchObject({ files_changed: 1 });
  });
});

describe('the diff is refused', () => {
  it('to other organizations, like that of an execution that there is not', async () => {
    const { id, push } = await begin();
    await push({ mine: 'one\n' });
    const other = await signInPerson(server);
    const comparable = ({ status, body }: Answer) => ({ status, body: { ...body, request_id: '' } });
    const answer = comparable(await other.get(`/executions/${id}/diff`));
    expect(answer).toMatchObject({ status: 404, body: { code: 'execution/not-found' } });
    expect(comparable(await other.get(`/executions/${newId()}/diff`))).toEqual(answer);
  });

  it('when nothing was pushed, and without a repository', async () => {
    const { id } = await begin();
    expect(await refusalOf(ask(id))).toBe('409 execution/nothing-pushed');
    await ada.task();
    const [claimed] = await worker.claim();
    expect(await refusalOf(ask(String(claimed?.execution_id)))).toBe('409 execution/nothing-pushed');
  });

  it('when the repository has no such commit, though another one may', async () => {
    const { id, base } = await begin();
    const other = site.source();
    const elsewhere = git(other, 'rev-parse', 'HEAD');
    await ada.post('/repositories', { local_path: other });
    await worker.finish(id, { outcome: 'completed', base_sha: base, commit_sha: elsewhere });
    expect(await refusalOf(ask(id))).toBe('404 execution/commit-gone');
  });

  it('until the mirror is there, and where there are none', async () => {
    const { id, push } = await begin();
    await push({ mine: 'one\n' });
    const fresh = await startTestApp({ GIT_ROOT: site.scratch.directory('empty') }, server);
    const without = await startTestApp({ GIT_ROOT: '' }, server);
    try {
      for (const [app, code] of [[fresh, 'git/syncing'] as const, [without, 'git/not-here'] as const]) {
        const answer = await app.request
          .get(`/api/v1/executions/${id}/diff`)
          .set('Authorization', `Bearer ${ada.token}`);
        expect([answer.status, (answer.body as { code: string }).code]).toEqual([503, code]);
      }
    } finally {
      await fresh.close();
      await without.close();
    }
  });

  it('for a path that is none within a repository', async () => {
    for (const path of ['', '/etc/passwd', '../x', 'a/../../x', 'a/..', '.', './a', 'a//b', '%00', 'x'.repeat(1001)]) {
      expect(await refusalOf(ask(newId(), `?path=${path}`))).toMatch(/^400 /);
    }
    expect(await refusalOf(ask(newId(), '?path=src/...a/b.ts/'))).toBe('404 execution/not-found');
  });
});

it('a client that goes away ends the git that worked for it, and no other', async () => {
  const { id, push } = await begin();
  await push({ mine: 'one\n' });
  const isDiff = (command: string): boolean =>
    command.includes(`${repository}.git `) && command.includes(' diff-tree ');
  const working = () => liveProcesses().flatMap((one) => (isDiff(one.command) && one.id === one.group ? [one.id] : []));
  /** Asks for the diff, and waits for the git that is begun for it. */
  const begun = async (): Promise<{ leave: () => void; git: number }> => {
    const before = working();
    const headers = { authorization: `Bearer ${ada.token}` };
    const call = request(`${server.url}/api/v1/executions/${id}/diff`, { headers });
    call.on('error', () => undefined).end();
    let git: number | undefined;
    await until(() => (git = working().find((one) => !before.includes(one))) !== undefined);
    return { leave: () => call.destroy(), git: Number(git) };
  };
  await withGit(site.scratch, endless('diff-tree'), async () => {
    const one = await begun();
    const other = await begun();
    other.leave();
    await until(() => !working().includes(other.git));
    expect(working()).toContain(one.git);
    one.leave();
    await until(() => !working().includes(one.git));
  });
});
