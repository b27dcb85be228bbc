import { chownSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { TestMirrors } from '../../test/mirrors.js';
import { Scratch } from '../../test/scratch-git.js';

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
