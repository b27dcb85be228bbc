import { createServer } from 'node:net';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitTo, gitIn } from '../../test/bare-repository.js';
import { idOf, RunnerSite } from '../../test/runner-site.js';
import type { Grant } from './protocol.js';
import { PortBlocks } from './port-blocks.js';
import { readRepositorySetup } from './repository-setup.js';

describe('.miyabi.json', () => {
  let checkout: string;
  beforeEach(async () => {
    checkout = await realpath(await mkdtemp(join(tmpdir(), 'setup-')));
  });
  afterEach(() => rm(checkout, { recursive: true, force: true }));
  const read = async (text: string): Promise<unknown> => {
    await writeFile(join(checkout, '.miyabi.json'), text);
    return readRepositorySetup(checkout);
  };

  it('asks for nothing where it is not', async () => {
    expect(await readRepositorySetup(checkout)).toEqual({ setup: [], copy: [], ports: 0 });
    expect(await read('{}')).toEqual({ setup: [], copy: [], ports: 0 });
  });

  it.each([
    ['{', 'it is no JSON'],
    ['[]', 'it must be an object'],
    ['{"setups": []}', '"setups" is not known; there are setup, copy, ports'],
    ['{"setup": ["npm ci"]}', 'setup must be a list of at most 50 commands'],
    ['{"setup": [[]]}', 'setup must be a list'],
    ['{"setup": [[""]]}', 'setup must be a list'],
    ['{"copy": ["../x"]}', 'copy must be a list of at most 100 paths inside the repository'],
    ['{"copy": ["/etc/passwd"]}', 'copy must be a list'],
    ['{"copy": [".git/config"]}', 'copy must be a list'],
    ['{"ports": 1.5}', 'ports must be a whole number from 0 to 100'],
    ['{"ports": 101, "copy": "x"}', 'paths inside the repository; ports must be'],
  ])('says what is wrong with %s', async (text, what) => {
    await expect(read(text)).rejects.toMatchObject({
      reason: 'worktree',
      retryable: false,
      message: expect.stringContaining(what) as unknown,
    });
  });

  it('is not read through a link, nor from anything else that is no file', async () => {
    await symlink('/etc/passwd', join(checkout, '.miyabi.json'));
    await expect(readRepositorySetup(checkout)).rejects.toThrow('not a link');
    await rm(join(checkout, '.miyabi.json'));
    await mkdir(join(checkout, '.miyabi.json'));
    await expect(readRepositorySetup(checkout)).rejects.toThrow('must be a file');
  });
});

describe('PortBlocks', () => {
  it('gives each its own, passes over what others listen on, and says when there is none left', async () => {
    const range = { first: 21_000, last: 21_000 + 3 * 128 - 1 };
    const [one, other] = [new PortBlocks(range), new PortBlocks(range)];
    const stranger = createServer().listen(21_000 + 128 + 5);
    const first = await one.take(10);
    const second = await other.take(10);
    expect([first.base, second.base]).toEqual([21_001, 21_000 + 256 + 1]);
    await expect(one.take(10)).rejects.toMatchObject({
      reason: 'worktree',
      message: expect.stringContaining('free') as unknown,
    });
    // Fewer ports than lie before the stranger's.
    const third = await one.take(3);
    expect(third.base).toBe(21_129);
    await first.release();
    expect((await other.take(100)).base).toBe(21_001);
    stranger.close();
  });
});

describe('A runner in a repository with .miyabi.json', () => {
  let site: RunnerSite;
  beforeEach(async () => {
    site = await RunnerSite.open();
  });
  afterEach(() => site.close());

  const asks = (setup: object, more: Record<string, string> = {}): void =>
    void commitTo(site.origin, { '.miyabi.json': JSON.stringify(setup), ...more });
  const shown = (grant: Grant, path: string): string => gitIn(site.origin, 'show', `${grant.branch}:${path}`);

  it('runs its commands before the agent, in order, in the checkout, and as the agent', async () => {
    asks({
      setup: [
        ['bash', '-c', 'echo preparing; env > env.txt'],
        ['bash', '-c', 'cat env.txt > two.txt'],
      ],
    });
    site.start();
    const grant = site.give('echo working; cat two.txt > three.txt');
    expect(await site.server.finished(idOf(grant))).toMatchObject({ outcome: 'completed' });
    expect(site.messages(grant)).toEqual(['preparing', 'working']);
    expect(shown(grant, 'three.txt')).toContain(`MIYABI_EXECUTION_ID=${idOf(grant)}`);
    expect(shown(grant, 'three.txt')).not.toContain('myk_');
  });

  it('fails as `worktree` with what the command said, and does not start the agent', async () => {
    asks({ setup: [['bash', '-c', 'echo "no such registry" >&2; exit 4']] });
    site.start();
    const grant = site.give('echo never');
    const finish = await site.server.finished(idOf(grant));
    expect(finish).toMatchObject({ outcome: 'failed', failure_reason: 'worktree' });
    expect(finish.error_message).toBe(
      '.miyabi.json: bash -c echo "no such registry" >&2; exit 4 ended with exit code 4.\nno such registry',
    );
    expect(site.messages(grant)).toEqual([]);
    const missing = { outcome: 'failed', failure_reason: 'agent_missing' };
    asks({ setup: [['no-such-program']] });
    const other = site.give('echo never');
    expect(await site.server.finished(idOf(other))).toMatchObject(missing);
  });

  it('ends a command at the deadline of the task', async () => {
    asks({ setup: [['sleep', '300']] });
    site.start();
    const grant = site.give('true', { seconds: 4 });
    expect(await site.server.finished(idOf(grant))).toMatchObject({ outcome: 'failed', failure_reason: 'timeout' });
    expect(site.survivors(grant)).toEqual([]);
  });

  it('says what is wrong with the file', async () => {
    asks({ port: 3 });
    site.start();
    const grant = site.give('true');
    expect(await site.server.finished(idOf(grant))).toMatchObject({
      ...{ outcome: 'failed', failure_reason: 'worktree', retryable: false },
      error_message: '.miyabi.json is wrong: "port" is not known; there are setup, copy, ports.',
    });
  });

  it('gives agents that run side by side ports that do not collide', async () => {
    asks({ ports: 5 });
    site.start({ MIYABI_CAPACITY: '2' });
    const gate = site.gate();
    const grants = [1, 2].map(() => site.give(`echo $MIYABI_PORT_BASE $MIYABI_PORTS; ${gate.wait}`));
    await site.server.until(() => grants.every((grant) => site.messages(grant).length > 0));
    await gate.open();
    for (const grant of grants) await site.server.finished(idOf(grant));
    const blocks = grants.map((grant) => (site.messages(grant)[0] ?? '').split(/[ ,]/).map(Number));
    for (const [base = 0, ...ports] of blocks) expect(ports).toEqual([0, 1, 2, 3, 4].map((index) => base + index));
    expect(new Set(blocks.flatMap(([, ...ports]) => ports)).size).toBe(10);
  });

  it('copies the files kept for this repository, and does not commit them', async () => {
    asks({ copy: ['.env.test', 'config/local.json'] });
    const files = join(site.root, 'files');
    await mkdir(join(files, 'miyabi', 'example', 'config'), { recursive: true });
    await writeFile(join(files, 'miyabi', 'example', '.env.test'), 'KEY=1\n');
    await writeFile(join(files, 'miyabi', 'example', 'config', 'local.json'), '{}\n');
    site.start({ REPOSITORY_FILES: files });
    const grant = site.give('cat .env.test config/local.json; git add -A; git status --short; echo x > x');
    expect(await site.server.finished(idOf(grant))).toMatchObject({ outcome: 'completed' });
    expect(site.messages(grant)).toEqual(['KEY=1', '{}']);
    expect(gitIn(site.origin, 'ls-tree', '-r', '--name-only', grant.branch).split('\n')).toEqual([
      '.miyabi.json',
      'README.md',
      'x',
    ]);
  });

  it('does not commit what was copied before another file could not be', async () => {
    asks({ copy: ['.env.test', 'missing'] });
    const kept = join(site.root, 'files', 'miyabi', 'example');
    await mkdir(kept, { recursive: true });
    await writeFile(join(kept, '.env.test'), 'KEY=1\n');
    site.start({ REPOSITORY_FILES: join(site.root, 'files') });
    const grant = site.give('true');
    expect(await site.server.finished(idOf(grant))).toMatchObject({ outcome: 'failed', failure_reason: 'worktree' });
    const pushed = gitIn(site.origin, 'for-each-ref', '--format=%(refname)').split('\n');
    for (const ref of pushed)
      expect(gitIn(site.origin, 'ls-tree', '-r', '--name-only', ref)).not.toContain('.env.test');
  });

  it.each([
    ['there is no directory for them', 'keeps no files', ''],
    ['nothing is kept for this repository', 'has no files for this repository', 'files'],
    ['the file is not kept', 'has no file ".env.test"', 'empty'],
    ['it is a link out of the directory', 'has no file ".env.test"', 'linked'],
    ['it would lie beyond a link of the repository', 'beyond a link', 'beyond'],
    ['it is a file of the repository', 'is in the repository itself', 'tracked'],
  ])('copies nothing when %s', async (_, what, kind) => {
    const path = { beyond: 'out/.env.test', tracked: 'README.md' }[kind] ?? '.env.test';
    asks({ copy: [path] });
    const outside = join(site.root, 'outside');
    await mkdir(outside);
    if (kind === 'beyond') {
      const own = join(site.root, 'own');
      gitIn(site.root, 'clone', '-q', site.origin, own);
      await symlink(outside, join(own, 'out'));
      gitIn(own, 'add', '.');
      gitIn(own, 'commit', '-qm', 'a link');
      gitIn(own, 'push', '-q', 'origin', 'main');
    }
    const files = join(site.root, 'files');
    const kept = join(files, 'miyabi', 'example');
    await mkdir(kind === 'files' ? files : join(kept, 'out'), { recursive: true });
    if (kind === 'linked') {
      await writeFile(join(outside, 'secret'), 'x');
      await symlink(join(outside, 'secret'), join(kept, '.env.test'));
    }
    if (kind === 'beyond' || kind === 'tracked') await writeFile(join(kept, path), 'x');
    site.start(kind === '' ? {} : { REPOSITORY_FILES: files });
    const grant = site.give('true');
    const finish = await site.server.finished(idOf(grant));
    expect(finish).toMatchObject({ outcome: 'failed', failure_reason: 'worktree' });
    expect(finish.error_message).toContain(what);
    expect(existsSync(join(outside, '.env.test'))).toBe(false);
    expect(await readFile(join(site.directory, '..', 'outside', 'secret'), 'utf8').catch(() => 'x')).toBe('x');
  });
});
