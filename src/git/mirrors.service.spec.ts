import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { newId } from '../ids.js';
import { PATIENCE, TestMirrors } from '../../test/mirrors.js';
import { commit, git as run, Scratch } from '../../test/scratch-git.js';

let scratch: Scratch;
let own: TestMirrors;

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  scratch = new Scratch();
  own = new TestMirrors(scratch);
});
afterEach(() => scratch.remove());

describe('a mirror', () => {
  it('holds branches and tags of its source, and follows what is moved and deleted there', async () => {
    const source = scratch.repository('roots/a', ['one', 'two']);
    run(source, 'branch', 'old');
    run(source, 'tag', 'v1');
    const id = own.records.add(source);
    await own.mirrors.ensureFresh(id);
    expect(own.references(id)).toEqual(['refs/heads/main', 'refs/heads/old', 'refs/tags/v1']);
    run(source, 'branch', '-D', 'old');
    run(source, 'tag', '-d', 'v1');
    run(source, 'reset', '-q', '--hard', 'HEAD~1');
    const rewritten = commit(source, 'three');
    await own.mirrors.ensureFresh(id);
    expect(own.references(id)).toEqual(['refs/heads/main']);
    expect(run(own.directoryOf(id), 'rev-parse', 'main')).toBe(rewritten);
    expect(own.records.outcomes).toEqual(['synced main', 'synced main']);
  });

  it('keeps the branches of executions, whatever the source has under their names', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const id = own.records.add(source);
    await own.mirrors.ensureFresh(id);
    const pushed = run(source, 'commit-tree', '-m', 'by a worker', 'HEAD^{tree}');
    run(source, 'push', '-q', own.directoryOf(id), `${pushed}:refs/heads/task/x-a1`);
    run(source, 'branch', 'task/x-a1');
    run(source, 'branch', 'task/mine');
    await own.mirrors.ensureFresh(id);
    expect(run(own.directoryOf(id), 'rev-parse', 'task/x-a1')).toBe(pushed);
    expect(own.references(id)).toEqual(['refs/heads/main', 'refs/heads/task/x-a1']);
  });

  it('can be had of a source with a branch named task', async () => {
    const source = scratch.repository('roots/a', ['one']);
    run(source, 'branch', 'task');
    const id = own.records.add(source);
    await own.mirrors.ensureFresh(id);
    run(source, 'push', '-q', own.directoryOf(id), 'main:refs/heads/task/x-a1');
    await own.mirrors.ensureFresh(id);
    expect(own.references(id)).toEqual(['refs/heads/main', 'refs/heads/task/x-a1']);
  });

  it.each([
    ['the branch that is checked out', (source: string) => run(source, 'checkout', '-q', '-b', 'trunk'), 'trunk'],
    ['a usual one where HEAD is detached', (source: string) => run(source, 'checkout', '-q', '--detach'), 'main'],
    ['the one chosen', () => run('/', 'version'), 'chosen'],
  ])('has as default branch %s', async (_, prepare, expected) => {
    const source = scratch.repository('roots/a', ['one']);
    prepare(source);
    const id = own.records.add(source, expected === 'chosen' ? 'chosen' : null);
    await own.mirrors.ensureFresh(id);
    expect(readFileSync(join(own.directoryOf(id), 'HEAD'), 'utf8')).toBe(`ref: refs/heads/${expected}\n`);
  });

  it('of an empty repository is empty, and learns the default branch with the first commit', async () => {
    const source = scratch.directory('roots/a');
    run(source, 'init', '-q', '-b', 'trunk');
    const id = own.records.add(source);
    const directory = await own.mirrors.open(id, PATIENCE);
    expect(await own.order(directory, null)).toEqual([]);
    const first = commit(source, 'one');
    await own.mirrors.ensureFresh(id);
    expect(await own.order(directory, null)).toMatchObject([{ sha: first }]);
    expect(own.records.outcomes).toEqual(['synced null', 'synced trunk']);
  });

  it('of a shallow clone goes as far as that', async () => {
    const source = scratch.repository('roots/a', ['one', 'two', 'three']);
    run(scratch.path, 'clone', '-q', '--depth', '1', `file://${source}`, join(scratch.path, 'roots/shallow'));
    const id = own.records.add(join(scratch.path, 'roots/shallow'));
    const directory = await own.mirrors.open(id, PATIENCE);
    expect(await own.order(directory, null)).toHaveLength(1);
  });

  it('of a linked work tree and of a bare repository is made alike', async () => {
    const source = scratch.repository('roots/a', ['one']);
    run(source, 'worktree', 'add', '-q', join(scratch.path, 'roots/linked'));
    run(scratch.path, 'clone', '-q', '--bare', source, join(scratch.path, 'roots/bare.git'));
    for (const name of ['linked', 'bare.git']) {
      const id = own.records.add(join(scratch.path, 'roots', name));
      await own.mirrors.ensureFresh(id);
      expect(own.references(id)).toContain('refs/heads/main');
    }
  });

  it('leaves the source as it was', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const before = run(source, 'count-objects', '-v') + readdirSync(join(source, '.git')).join();
    const id = own.records.add(source);
    await own.mirrors.ensureFresh(id);
    await own.mirrors.ensureFresh(id);
    expect(run(source, 'count-objects', '-v') + readdirSync(join(source, '.git')).join()).toBe(before);
    expect(existsSync(join(own.directoryOf(id), 'objects/info/alternates'))).toBe(false);
  });

  it('shows a commit made while a fetch was under way to those who asked after it', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const id = own.records.add(source);
    const early = own.mirrors.ensureFresh(id);
    const late = commit(source, 'two');
    await Promise.all([early, own.mirrors.ensureFresh(id), own.mirrors.ensureFresh(id), own.mirrors.ensureFresh(id)]);
    expect(run(own.directoryOf(id), 'rev-parse', 'main')).toBe(late);
    // Those who came together shared one fetch.
    expect(own.records.outcomes).toHaveLength(2);
  });

  it('is made once by two processes that begin together', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const id = own.records.add(source);
    const other = new TestMirrors(scratch, own.records);
    await Promise.all([own.mirrors.ensureFresh(id), other.mirrors.ensureFresh(id)]);
    expect(own.records.outcomes).toEqual(['synced main', 'synced main']);
    expect(readdirSync(own.root).sort()).toEqual(['.home', `${id}.git`]);
  });

  it('fails with the cause, leaving nothing half made, and comes when the source does', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const id = own.records.add(source);
    renameSync(join(source, '.git'), join(source, 'gone'));
    await expect(own.mirrors.open(id, PATIENCE)).rejects.toMatchObject({ code: 'git/failed', reason: 'not_found' });
    expect(readdirSync(own.root)).toEqual(['.home']);
    renameSync(join(source, 'gone'), join(source, '.git'));
    await own.mirrors.open(id, PATIENCE);
    expect(own.records.outcomes).toEqual([expect.stringMatching(/^failed There is no Git repository/), 'synced main']);
  });

  it('of a source with a missing object is an error, never an empty history', async () => {
    const source = scratch.repository('roots/a', ['one', 'two']);
    const lost = run(source, 'rev-parse', 'HEAD~1');
    const file = join(source, '.git/objects', lost.slice(0, 2), lost.slice(2));
    renameSync(file, join(scratch.path, 'object'));
    const id = own.records.add(source);
    await expect(own.mirrors.open(id, PATIENCE)).rejects.toMatchObject({ code: 'git/failed', reason: 'damaged' });
  });

  it('that is there is served when its source is not', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const id = own.records.add(source);
    await own.mirrors.ensureFresh(id);
    renameSync(source, join(scratch.path, 'elsewhere'));
    await expect(own.mirrors.open(id, PATIENCE)).resolves.toBe(own.directoryOf(id));
    expect(own.records.outcomes.at(-1)).toMatch(/^failed/);
  });

  it('of a repository that is gone is neither served nor made', async () => {
    const source = scratch.repository('roots/a', ['one']);
    const id = own.records.add(source);
    await own.mirrors.ensureFresh(id);
    own.records.rows.delete(id);
    await expect(own.mirrors.open(id, PATIENCE)).rejects.toMatchObject({ code: 'repository/not-found' });
    await own.mirrors.remove(id);
    await own.mirrors.remove(id);
    expect(readdirSync(own.root)).toEqual(['.home']);
  });

  it.each(['../../etc', '', 'x/../y', newId().toUpperCase()])('has no such id as %j', async (id) => {
    await expect(own.mirrors.open(id, PATIENCE)).rejects.toMatchObject({ code: 'repository/not-found' });
  });

  it('of a remote that leads to this host is refused', async () => {
    const id = own.records.add(new URL('https://localhost/x.git'));
    await expect(own.mirrors.ensureFresh(id)).rejects.toMatchObject({ code: 'git/failed', reason: 'not_allowed' });
    await expect(own.sources.assertMayClone('ssh://git@localhost/x.git')).rejects.toMatchObject({
      code: 'git/address-refused',
    });
    await expect(own.sources.assertMayClone('https://no.such.host.invalid/x.git')).resolves.toBeUndefined();
  });
});
