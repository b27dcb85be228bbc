import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { commit, git as run, Scratch } from '../../test/scratch-git.js';
import { liveProcesses, until } from '../../test/git-processes.js';
import { causeOf } from './git-causes.js';
import { GitProcess } from './git-process.js';

/** Of this process alone: others on the machine sleep too. */
const SLEEP = `sleep 600.${String(process.pid)}`;
const sleeps = (): boolean => liveProcesses().some(({ command }) => command === SLEEP);

beforeAll(() => Logger.overrideLogger(false));

describe('a git process of the server', () => {
  let scratch: Scratch;
  let git: GitProcess;

  beforeEach(() => {
    scratch = new Scratch();
    git = new GitProcess(Object.assign(new GitConfig(), { root: scratch.directory('mirrors'), local_roots: [] }));
  });
  afterEach(() => scratch.remove());

  it('knows nothing of the environment and configuration of the server', async () => {
    process.env['GIT_DIR'] = '/nowhere';
    process.env['GIT_CONFIG_PARAMETERS'] = "'user.name=Mallory'";
    try {
      await expect(git.run({ args: ['config', '--list', '--show-origin'] })).resolves.toBeInstanceOf(Buffer);
      const listed = (await git.run({ args: ['config', '--list', '--show-origin'] })).toString();
      expect(listed).not.toMatch(/Mallory|file:\/etc\/|\.gitconfig/);
      expect(listed).toContain('core.hookspath=/dev/null');
      const names = (await git.run({ args: ['-c', 'alias.env=!env', 'env'] })).toString();
      expect(names).not.toMatch(/GIT_DIR|PGPASSWORD|JWT_SECRET|DATABASE_URL/);
    } finally {
      delete process.env['GIT_DIR'];
      delete process.env['GIT_CONFIG_PARAMETERS'];
    }
  });

  it('uses no transport it was not allowed', async () => {
    const source = scratch.repository('source');
    const listing = { args: ['ls-remote', '--', source] };
    await expect(git.run(listing)).rejects.toMatchObject({ reason: 'unsupported' });
    await expect(git.run({ ...listing, protocols: ['https'] })).rejects.toMatchObject({ reason: 'unsupported' });
    await expect(git.run({ ...listing, protocols: ['file'] })).resolves.toBeInstanceOf(Buffer);
    const canary = join(scratch.path, 'canary');
    await expect(
      git.run({ args: ['ls-remote', '--', `ext::touch ${canary.replaceAll(' ', '% ')}`], protocols: ['file'] }),
    ).rejects.toMatchObject({ code: 'git/failed' });
    expect(existsSync(canary)).toBe(false);
  });

  it('runs no hook', async () => {
    const bare = join(scratch.path, 'bare.git');
    run(scratch.path, 'init', '-q', '--bare', bare);
    const source = scratch.repository('source');
    const canary = join(scratch.path, 'canary');
    mkdirSync(join(bare, 'hooks'), { recursive: true });
    for (const hook of ['reference-transaction', 'pre-auto-gc', 'post-update']) {
      writeFileSync(join(bare, 'hooks', hook), `#!/bin/sh\ntouch "${canary}"\n`, { mode: 0o755 });
    }
    await git.run({
      directory: bare,
      args: ['fetch', '-q', '--', source, '+refs/heads/*:refs/heads/*'],
      protocols: ['file'],
    });
    expect(existsSync(canary)).toBe(false);
  });

  it('ends with all its children when its time is up, though they ignore TERM', async () => {
    const pid = join(scratch.path, 'pid');
    const stubborn = `!trap '' TERM; sh -c 'trap "" TERM; echo $$ > "${pid}"; sleep 600 & wait' & wait`;
    await expect(git.run({ args: ['-c', `alias.hang=${stubborn}`, 'hang'], timeout_ms: 2000 })).rejects.toMatchObject({
      reason: 'timeout',
      kind: 'unavailable',
    });
    const child = Number(readFileSync(pid, 'utf8'));
    await until(() => !liveProcesses().some(({ group, id }) => id === child || group === child));
  });

  it('ends when it is called off, before and during its work', async () => {
    const caller = new AbortController();
    const work = git.run({ args: ['-c', `alias.hang=!${SLEEP}`, 'hang'], signal: caller.signal });
    await until(sleeps);
    caller.abort();
    await expect(work).rejects.toMatchObject({ reason: 'aborted' });
    await expect(git.run({ args: ['version'], signal: caller.signal })).rejects.toThrow();
  });

  it('keeps no more output than it was allowed', async () => {
    const flood = { args: ['-c', 'alias.flood=!yes', 'flood'], max_bytes: 100_000 };
    await expect(git.run(flood)).rejects.toMatchObject({ reason: 'too_large', kind: 'conflict' });
  });

  it('tells the cause of a failure and neither path nor address', async () => {
    const missing = join(scratch.path, 'missing');
    const failure = git.run({ args: ['ls-remote', '--', missing], protocols: ['file'] });
    await expect(failure).rejects.toMatchObject({ reason: 'not_found', extra: { reason: 'not_found' } });
    await expect(failure).rejects.not.toThrow(/missing/);
  });

  it('is refused where there is no place for mirrors', async () => {
    const nowhere = new GitProcess(Object.assign(new GitConfig(), { root: '', local_roots: [] }));
    await expect(nowhere.run({ args: ['version'] })).rejects.toMatchObject({ code: 'git/not-here' });
  });

  it('ends with the server', async () => {
    const work = git.run({ args: ['-c', `alias.hang=!${SLEEP}`, 'hang'] });
    await until(sleeps);
    git.onApplicationShutdown();
    await expect(work).rejects.toMatchObject({ reason: 'aborted' });
    commit(scratch.repository('other'), 'still works');
  });
});

describe('the cause of a failure', () => {
  it.each([
    ["fatal: '/x' does not appear to be a git repository", 'not_found'],
    ["fatal: repository 'https://h/x/' not found", 'not_found'],
    ["fatal: could not read Username for 'https://h': terminal prompts disabled", 'credentials_missing'],
    ["fatal: Authentication failed for 'https://h/x/'", 'credentials_refused'],
    ["fatal: unable to access 'https://h/x/': The requested URL returned error: 403", 'refused'],
    ['git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.', 'refused'],
    ["fatal: unable to access 'https://h/': Could not resolve host: h", 'unreachable'],
    ["fatal: unable to access 'https://h/': Failed to connect to h port 443: Connection refused", 'unreachable'],
    ['error: file write error: No space left on device', 'disk_full'],
    ["error: cannot lock ref 'refs/heads/a': Unable to create '/x/a.lock': File exists.", 'locked'],
    ['fatal: remote error: upload-pack: not our ref 0000000000000000000000000000000000000001', 'damaged'],
    ['fatal: bad object 1234', 'damaged'],
    ['fatal: unable to read blob object 1234', 'damaged'],
    ['error: object 12: zeroPaddedFilemode\nfatal: fsck error in packed object', 'rejected_objects'],
    ['fatal: mismatched algorithms: client sha1; server sha256', 'unsupported'],
    ['fatal: unable to update url base from redirection', 'redirected'],
    ['something else', 'unknown'],
  ])('%j is %s', (stderr, cause) => {
    expect(causeOf(stderr)).toBe(cause);
  });
});
