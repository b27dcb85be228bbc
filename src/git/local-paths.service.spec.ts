import { chownSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { TestMirrors } from '../../test/mirrors.js';
import { git as run, Scratch } from '../../test/scratch-git.js';

let scratch: Scratch;
let own: TestMirrors;

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  scratch = new Scratch();
  own = new TestMirrors(scratch);
});
afterEach(() => scratch.remove());

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
    await expect(own.localPaths.resolve(`${scratch.path}/${path}`)).rejects.toThrow(reason);
  });

  describe('that reaches for files elsewhere is refused:', () => {
    const outside = (path: string): string => join(scratch.path, 'outside/.git', path);
    const replace = (path: string, target: string): void => {
      rmSync(path, { recursive: true, force: true });
      symlinkSync(target, path);
    };

    it.each<[string, (own: string) => void]>([
      ['alternates', (own) => writeFileSync(join(own, 'objects/info/alternates'), `${outside('objects')}\n`)],
      ['http-alternates', (own) => writeFileSync(join(own, 'objects/info/http-alternates'), 'http://localhost/\n')],
      ['a link for the branches', (own) => replace(join(own, 'refs/heads'), outside('refs/heads'))],
      ['a link for one branch', (own) => symlinkSync(outside('refs/heads/main'), join(own, 'refs/heads/stolen'))],
      ['a link deep below the references', (own) => symlinkSync(outside('refs'), join(own, 'refs/tags/stolen'))],
      ['a link for the packs', (own) => replace(join(own, 'objects/pack'), outside('objects/pack'))],
      ['a link for one pack', (own) => symlinkSync(outside('HEAD'), join(own, 'objects/pack/pack-x.pack'))],
      ['a link among the loose objects', (own) => symlinkSync(outside('objects'), join(own, 'objects/zz'))],
      ['a link for what is known of the objects', (own) => replace(join(own, 'objects/info'), outside('objects/info'))],
      ['packed references', (own) => symlinkSync(outside('packed-refs'), join(own, 'packed-refs'))],
      ['a table of references', (own) => symlinkSync(outside('reftable'), join(own, 'reftable'))],
      // Links that begin otherwise are none of git's heads.
      ['a head', (own) => replace(join(own, 'HEAD'), 'refs/../../../../outside/.git/refs/heads/main')],
      ['a configuration', (own) => replace(join(own, 'config'), outside('config'))],
    ])('%s', async (_, reach) => {
      run(scratch.repository('outside'), 'pack-refs', '--all');
      const source = scratch.repository('roots/a');
      const id = own.records.add(source);
      await own.mirrors.ensureFresh(id);
      reach(join(source, '.git'));
      await expect(own.localPaths.resolve(source)).rejects.toMatchObject({ reason: 'not_allowed' });
      // Also when it was registered before.
      await expect(own.mirrors.ensureFresh(id)).rejects.toMatchObject({ code: 'git/failed', reason: 'not_allowed' });
    });

    it('the same in the repository of a linked work tree', async () => {
      scratch.repository('outside');
      const source = scratch.repository('roots/a');
      run(source, 'worktree', 'add', '-q', join(scratch.path, 'roots/linked'));
      const linked = join(scratch.path, 'roots/linked');
      await expect(own.localPaths.resolve(linked)).resolves.toBe(linked);
      mkdirSync(join(source, '.git/worktrees/linked/refs'), { recursive: true });
      symlinkSync(outside('refs'), join(source, '.git/worktrees/linked/refs/bisect'));
      await expect(own.localPaths.resolve(linked)).rejects.toMatchObject({ reason: 'not_allowed' });
      rmSync(join(source, '.git/worktrees/linked/refs/bisect'));
      writeFileSync(join(source, '.git/objects/info/alternates'), `${outside('objects')}\n`);
      await expect(own.localPaths.resolve(linked)).rejects.toMatchObject({ reason: 'not_allowed' });
    });
  });

  it('is known by its true path', async () => {
    const source = scratch.repository('roots/a');
    symlinkSync(source, join(scratch.path, 'roots/link'));
    await expect(own.localPaths.resolve(`${join(scratch.path, 'roots/link')}/`)).resolves.toBe(source);
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
    const id = own.records.add(source);
    await own.mirrors.ensureFresh(id);
    expect(own.references(id)).toEqual(['refs/heads/main']);
  });
});
