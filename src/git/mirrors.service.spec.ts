import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { newId } from '../ids.js';
import { commit, git as run, Scratch } from '../../test/scratch-git.js';
import { CommitsService } from './commits.service.js';
import { GitProcess } from './git-process.js';
import { LocalPathsService } from './local-paths.service.js';
import { withMirrorLock } from './mirror-lock.js';
import { MirrorRecords, type MirrorRecord, type MirrorSource } from './mirror-records.js';
import { MirrorsService } from './mirrors.service.js';

/** The port, over a map. */
class Records extends MirrorRecords {
  readonly rows = new Map<string, MirrorRecord>();
  readonly outcomes: string[] = [];

  add(source: MirrorSource, default_branch: string | null = null): string {
    const id = newId();
    this.rows.set(id, { source, default_branch, synced_ms_ago: null });
    return id;
  }

  override find(id: string): Promise<MirrorRecord | null> {
    return Promise.resolve(this.rows.get(id) ?? null);
  }

  override synced(id: string, default_branch: string | null): Promise<void> {
    this.outcomes.push(`synced ${String(default_branch)}`);
    const row = this.rows.get(id);
    if (row) this.rows.set(id, { ...row, default_branch, synced_ms_ago: 0 });
    return Promise.resolve();
  }

  override failed(_: string, detail: string): Promise<void> {
    this.outcomes.push(`failed ${detail}`);
    return Promise.resolve();
  }
}

let scratch: Scratch;
let root: string;
let records: Records;
let mirrors: MirrorsService;
let localPaths: LocalPathsService;
let commits: CommitsService;
const SIGNAL = new AbortController().signal;
const PATIENCE = { first_ms: 20_000, fresh_ms: 20_000 };

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  scratch = new Scratch();
  root = scratch.directory('mirrors');
  const config = Object.assign(new GitConfig(), {
    root,
    local_roots: [scratch.directory('roots')],
    private_addresses: false,
    development_repository: '',
  });
  const git = new GitProcess(config);
  records = new Records();
  localPaths = new LocalPathsService(config, git);
  mirrors = new MirrorsService(config, git, localPaths, records);
  commits = new CommitsService(git);
});
afterEach(() => scratch.remove());

const local = (path: string): MirrorSource => ({ kind: 'local', path });
const mirrorOf = (id: string): string => join(root, `${id}.git`);
const branches = (id: string): string[] =>
  run(mirrorOf(id), 'for-each-ref', '--format=%(refname)').split('\n').filter(Boolean);

describe('a mirror', () => {
  it('holds branches and tags of its source, and follows what is moved and deleted there', async () => {
    const source = scratch.repository('roots/a', ['one', 'two']);
    run(source, 'branch', 'old');
    run(source, 'tag', 'v1');
    const id = records.add(local(source));
    await mirrors.ensureFresh(id);
    expect(branches(id)).toEqual(['refs/heads/main', 'refs/heads/old', 'refs/tags/v1']);
    run(source, 'branch', '-D', 'old');
    run(source, 'tag', '-d', 'v1');
    run(source, 'reset', '-q', '--hard', 'HEAD~1');
    const rewritten = commit(source, 'three');
    await mirrors.ensureFresh(id);
    expect(branches(id)).toEqual(['refs/heads/main']);
    expect(run(mirrorOf(id), 'rev-parse', 'main')).toBe(rewritten);
    expect(records.outcomes).toEqual(['synced main', 'synced main']);
  });

  it('keeps the branches of executions, whatever the source has under their names', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const id = records.add(local(source));
    await mirrors.ensureFresh(id);
    const pushed = run(source, 'commit-tree', '-m', 'by a worker', 'HEAD^{tree}');
    run(source, 'push', '-q', mirrorOf(id), `${pushed}:refs/heads/task/x-a1`);
    run(source, 'branch', 'task/x-a1');
    run(source, 'branch', 'task/mine');
    await mirrors.ensureFresh(id);
    expect(run(mirrorOf(id), 'rev-parse', 'task/x-a1')).toBe(pushed);
    expect(branches(id)).toEqual(['refs/heads/main', 'refs/heads/task/x-a1']);
  });

  it('can be had of a source with a branch named task', async () => {
    const source = scratch.repository('roots/a', ['one']);
    run(source, 'branch', 'task');
    const id = records.add(local(source));
    await mirrors.ensureFresh(id);
    run(source, 'push', '-q', mirrorOf(id), 'main:refs/heads/task/x-a1');
    await mirrors.ensureFresh(id);
    expect(branches(id)).toEqual(['refs/heads/main', 'refs/heads/task/x-a1']);
  });

  it.each([
    ['the branch that is checked out', (source: string) => run(source, 'checkout', '-q', '-b', 'trunk'), 'trunk'],
    ['a usual one where HEAD is detached', (source: string) => run(source, 'checkout', '-q', '--detach'), 'main'],
    ['the one chosen', () => run('/', 'version'), 'chosen'],
  ])('has as default branch %s', async (_, prepare, expected) => {
    const source = scratch.repository('roots/a', ['one']);
    prepare(source);
    const id = records.add(local(source), expected === 'chosen' ? 'chosen' : null);
    await mirrors.ensureFresh(id);
    expect(readFileSync(join(mirrorOf(id), 'HEAD'), 'utf8')).toBe(`ref: refs/heads/${expected}\n`);
  });

  it('of an empty repository is empty, and learns the default branch with the first commit', async () => {
    const source = scratch.directory('roots/a');
    run(source, 'init', '-q', '-b', 'trunk');
    const id = records.add(local(source));
    const directory = await mirrors.open(id, PATIENCE);
    expect(await commits.order(directory, null, SIGNAL)).toEqual([]);
    const first = commit(source, 'one');
    await mirrors.ensureFresh(id);
    expect(await commits.order(directory, null, SIGNAL)).toMatchObject([{ sha: first }]);
    expect(records.outcomes).toEqual(['synced null', 'synced trunk']);
  });

  it('of a shallow clone goes as far as that', async () => {
    const source = scratch.repository('roots/a', ['one', 'two', 'three']);
    run(scratch.path, 'clone', '-q', '--depth', '1', `file://${source}`, join(scratch.path, 'roots/shallow'));
    const id = records.add(local(join(scratch.path, 'roots/shallow')));
    const directory = await mirrors.open(id, PATIENCE);
    expect(await commits.order(directory, null, SIGNAL)).toHaveLength(1);
  });

  it('of a linked work tree and of a bare repository is made alike', async () => {
    const source = scratch.repository('roots/a', ['one']);
    run(source, 'worktree', 'add', '-q', join(scratch.path, 'roots/linked'));
    run(scratch.path, 'clone', '-q', '--bare', source, join(scratch.path, 'roots/bare.git'));
    for (const name of ['linked', 'bare.git']) {
      const id = records.add(local(join(scratch.path, 'roots', name)));
      await mirrors.ensureFresh(id);
      expect(branches(id)).toContain('refs/heads/main');
    }
  });

  it('leaves the source as it was', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const before = run(source, 'count-objects', '-v') + readdirSync(join(source, '.git')).join();
    const id = records.add(local(source));
    await mirrors.ensureFresh(id);
    await mirrors.ensureFresh(id);
    expect(run(source, 'count-objects', '-v') + readdirSync(join(source, '.git')).join()).toBe(before);
    expect(existsSync(join(mirrorOf(id), 'objects/info/alternates'))).toBe(false);
  });

  it('shows a commit made while a fetch was under way to those who asked after it', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const id = records.add(local(source));
    const early = mirrors.ensureFresh(id);
    const late = commit(source, 'two');
    await Promise.all([early, mirrors.ensureFresh(id), mirrors.ensureFresh(id), mirrors.ensureFresh(id)]);
    expect(run(mirrorOf(id), 'rev-parse', 'main')).toBe(late);
    // Those who came together shared one fetch.
    expect(records.outcomes).toHaveLength(2);
  });

  it('is made once by two processes that begin together', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const id = records.add(local(source));
    const config = Object.assign(new GitConfig(), { root, local_roots: [join(scratch.path, 'roots')] });
    const other = new MirrorsService(config, new GitProcess(config), localPaths, records);
    await Promise.all([mirrors.ensureFresh(id), other.ensureFresh(id)]);
    expect(records.outcomes).toEqual(['synced main', 'synced main']);
    expect(readdirSync(root).sort()).toEqual(['.home', `${id}.git`]);
  });

  it('fails with the cause, leaving nothing half made, and comes when the source does', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const id = records.add(local(source));
    renameSync(join(source, '.git'), join(source, 'gone'));
    await expect(mirrors.open(id, PATIENCE)).rejects.toMatchObject({ code: 'git/path-refused' });
    expect(readdirSync(root)).toEqual(['.home']);
    renameSync(join(source, 'gone'), join(source, '.git'));
    await mirrors.open(id, PATIENCE);
    expect(records.outcomes).toEqual(['failed There is no Git repository at local_path.', 'synced main']);
  });

  it('of a source with a missing object is an error, never an empty history', async () => {
    const source = scratch.repository('roots/a', ['one', 'two']);
    const lost = run(source, 'rev-parse', 'HEAD~1');
    const file = join(source, '.git/objects', lost.slice(0, 2), lost.slice(2));
    renameSync(file, join(scratch.path, 'object'));
    const id = records.add(local(source));
    await expect(mirrors.open(id, PATIENCE)).rejects.toMatchObject({ code: 'git/failed', reason: 'damaged' });
  });

  it('that is there is served when its source is not', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const id = records.add(local(source));
    await mirrors.ensureFresh(id);
    renameSync(source, join(scratch.path, 'elsewhere'));
    await expect(mirrors.open(id, PATIENCE)).resolves.toBe(mirrorOf(id));
    expect(records.outcomes.at(-1)).toMatch(/^failed/);
  });

  it('of a repository that is gone is neither served nor made', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const id = records.add(local(source));
    await mirrors.ensureFresh(id);
    records.rows.delete(id);
    await expect(mirrors.open(id, PATIENCE)).rejects.toMatchObject({ code: 'repository/not-found' });
    await mirrors.remove(id);
    await mirrors.remove(id);
    expect(readdirSync(root)).toEqual(['.home']);
  });

  it.each(['../../etc', '', 'x/../y', newId().toUpperCase()])('has no such id as %j', async (id) => {
    await expect(mirrors.open(id, PATIENCE)).rejects.toMatchObject({ code: 'repository/not-found' });
  });

  it('of a remote that leads to this host is refused', async () => {
    const id = records.add({ kind: 'remote', url: 'https://localhost/x.git' });
    await expect(mirrors.ensureFresh(id)).rejects.toMatchObject({ code: 'git/address-refused' });
    await expect(mirrors.assertMayClone('ssh://git@localhost/x.git')).rejects.toMatchObject({
      code: 'git/address-refused',
    });
    await expect(mirrors.assertMayClone('https://no.such.host.invalid/x.git')).resolves.toBeUndefined();
  });
});

describe('a repository on this disk', () => {
  it.each([
    ['roots/../outside', /LOCAL_REPOSITORY_ROOTS/],
    ['outside', /LOCAL_REPOSITORY_ROOTS/],
    ['roots-beside/a', /LOCAL_REPOSITORY_ROOTS/],
    ['roots/link', /LOCAL_REPOSITORY_ROOTS/],
    ['roots/gitfile', /LOCAL_REPOSITORY_ROOTS/],
    ['roots/linked-objects', /LOCAL_REPOSITORY_ROOTS/],
    ['roots/a/sub', /no Git repository/],
    ['roots/empty', /no Git repository/],
    ['roots/file', /no Git repository/],
    ['roots/missing', /no Git repository/],
  ])('is refused at %s', async (path, reason) => {
    scratch.repository('outside');
    scratch.repository('roots-beside/a');
    scratch.repository('roots/a');
    scratch.directory('roots/a/sub');
    scratch.directory('roots/empty');
    writeFileSync(join(scratch.path, 'roots/file'), '');
    symlinkSync(join(scratch.path, 'outside'), join(scratch.path, 'roots/link'));
    writeFileSync(join(scratch.directory('roots/gitfile'), '.git'), `gitdir: ${join(scratch.path, 'outside/.git')}\n`);
    const borrowed = scratch.repository('roots/linked-objects');
    renameSync(join(borrowed, '.git/objects'), join(scratch.path, 'objects'));
    symlinkSync(join(scratch.path, 'objects'), join(borrowed, '.git/objects'));
    await expect(localPaths.resolve(`${scratch.path}/${path}`)).rejects.toThrow(reason);
  });

  it('is known by its true path', async () => {
    const source = scratch.repository('roots/a');
    symlinkSync(source, join(scratch.path, 'roots/link'));
    await expect(localPaths.resolve(`${join(scratch.path, 'roots/link')}/`)).resolves.toBe(source);
  });

  it('of another account is read, when this one may read it', async () => {
    if (process.getuid?.() !== 0) return;
    const source = scratch.repository('roots/a', ['one']);
    const give = (path: string): void => {
      chownSync(path, 65534, 65534);
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        if (entry.isDirectory()) give(join(path, entry.name));
        else chownSync(join(path, entry.name), 65534, 65534);
      }
    };
    give(source);
    const id = records.add(local(source));
    await mirrors.ensureFresh(id);
    expect(branches(id)).toEqual(['refs/heads/main']);
  });
});

describe('the lock of a mirror', () => {
  it('is held by one at a time', async () => {
    const path = join(scratch.path, 'lock');
    let inside = 0;
    const most = await Promise.all(
      Array.from({ length: 5 }, () =>
        withMirrorLock(path, 20_000, async () => {
          inside++;
          const seen = inside;
          await new Promise(setImmediate);
          inside--;
          return seen;
        }),
      ),
    );
    expect(most).toEqual([1, 1, 1, 1, 1]);
    expect(existsSync(path)).toBe(false);
  });

  it('of a process that died is taken over at once', async () => {
    const path = join(scratch.path, 'lock');
    const dead = { token: newId(), host: hostname(), pid: 2 ** 22 + 1 };
    writeFileSync(path, JSON.stringify(dead));
    await expect(withMirrorLock(path, 0, () => Promise.resolve('mine'))).resolves.toBe('mine');
    // After a restart in a container the pid is the same.
    writeFileSync(path, JSON.stringify({ ...dead, pid: process.pid }));
    await expect(withMirrorLock(path, 0, () => Promise.resolve('mine'))).resolves.toBe('mine');
  });

  it('of one that lives is waited for no longer than patience lasts', async () => {
    const path = join(scratch.path, 'lock');
    writeFileSync(path, JSON.stringify({ token: newId(), host: hostname(), pid: process.ppid }));
    await expect(withMirrorLock(path, 150, () => Promise.resolve())).rejects.toMatchObject({ reason: 'locked' });
    expect(existsSync(path)).toBe(true);
  });

  it('goes with the work, also when that fails', async () => {
    const path = join(scratch.path, 'lock');
    await expect(withMirrorLock(path, 0, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(readdirSync(scratch.path).filter((name) => name.startsWith('lock'))).toEqual([]);
  });
});

describe('the commits of a mirror', () => {
  const history = async (source: string): Promise<string> => {
    const id = records.add(local(source));
    return mirrors.open(id, PATIENCE);
  };

  it('come newest first by instant across branches, though a parent claims to be younger', async () => {
    const source = scratch.repository('roots/a', []);
    commit(source, 'middle', 2000);
    commit(source, 'oldest', 1000);
    run(source, 'checkout', '-q', '-b', 'other');
    commit(source, 'newest', 3000);
    const directory = await history(source);
    const order = await commits.order(directory, null, SIGNAL);
    expect(order.map(({ at }) => at)).toEqual([3000, 2000, 1000]);
    const read = await commits.read(
      directory,
      order.map(({ sha }) => sha),
      SIGNAL,
    );
    expect(read.map(({ message }) => message)).toEqual(['newest', 'middle', 'oldest']);
  });

  it('are those of a branch, a tag or an id when one is named', async () => {
    const source = scratch.repository('roots/a', ['one', 'two']);
    run(source, 'tag', '-a', '-m', 'annotated', 'v1', 'HEAD~1');
    run(source, 'tag', 'HEAD', 'HEAD~1');
    const directory = await history(source);
    const [tip, first] = run(source, 'rev-list', 'main').split('\n');
    for (const ref of ['main', 'refs/heads/main', tip ?? '', tip?.slice(0, 10) ?? '']) {
      await expect(commits.resolve(directory, ref, SIGNAL)).resolves.toBe(tip);
    }
    await expect(commits.resolve(directory, 'v1', SIGNAL)).resolves.toBe(first);
    await expect(commits.order(directory, first ?? '', SIGNAL)).resolves.toHaveLength(1);
  });

  it.each([
    'missing',
    '--all',
    '-n1',
    'main..other',
    'main~1',
    'main^{tree}',
    ':/one',
    '@{-1}',
    '@',
    'main main',
    'a\0b',
    '$(touch canary)',
    '',
    'f'.repeat(40),
    'x'.repeat(300),
  ])('are not found under %j', async (ref) => {
    const directory = await history(scratch.repository('roots/a', ['one', 'two']));
    await expect(commits.resolve(directory, ref, SIGNAL)).rejects.toMatchObject({ code: 'git/ref-not-found' });
  });

  it('are an error when the mirror is damaged', async () => {
    const source = scratch.repository('roots/a', ['one', 'two']);
    const directory = await history(source);
    const [, first = ''] = run(source, 'rev-list', 'main').split('\n');
    const kept = scratch.directory('kept');
    for (const name of readdirSync(join(directory, 'objects'))) {
      renameSync(join(directory, 'objects', name), join(kept, name));
    }
    mkdirSync(join(directory, 'objects/pack'), { recursive: true });
    await expect(commits.order(directory, null, SIGNAL)).rejects.toMatchObject({ code: 'git/failed' });
    await expect(commits.read(directory, [first], SIGNAL)).rejects.toMatchObject({ reason: 'damaged' });
  });
});
