import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { git, Scratch } from '../test/scratch-git.js';
import { findRepositories } from './nested-repositories.js';

const { signal } = new AbortController();

describe('findRepositories', () => {
  let scratch: Scratch;
  let root: string;

  beforeEach(() => {
    scratch = new Scratch();
    root = scratch.repository('root', []);
  });
  afterEach(() => execFileSync('rm', ['-rf', '--', scratch.path]));

  const look = async (most?: number): Promise<{ worked: string[]; bare: string[]; unseen: string | null }> => {
    const found = await findRepositories(Buffer.from(root), signal, most);
    return {
      ...found,
      worked: found.worked.map((path) => path.toString('latin1')),
      bare: found.bare.map(String).sort(),
    };
  };
  const folder = (...names: string[]): string => {
    mkdirSync(join(root, ...names), { recursive: true });
    return join(root, ...names);
  };

  it('finds what has a .git of any kind, and bare ones, but not the root itself', async () => {
    git(folder('a/b/c'), 'init', '-q');
    git(folder('a/b/c/inner'), 'init', '-q');
    writeFileSync(join(folder('file'), '.git'), 'gitdir: elsewhere\n');
    symlinkSync('/nowhere', join(folder('link'), '.git'));
    git(folder('x/bare'), 'init', '-q', '--bare');
    mkdirSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from('nam\xe9/.git', 'latin1')]), { recursive: true });
    folder('no/objects');
    folder('no/refs');
    expect(await look()).toEqual({
      worked: ['a/b/c', 'file', 'link', 'nam\xe9'],
      bare: ['x/bare'],
      unseen: null,
    });
  });

  it('does not follow links', async () => {
    const other = scratch.repository('other');
    symlinkSync(other, join(root, 'link'));
    symlinkSync('..', join(folder('round'), 'round'));
    expect(await look()).toEqual({ worked: [], bare: [], unseen: null });
  });

  it('says so when there is more than it looks through', async () => {
    for (let at = 0; at < 10; at++) writeFileSync(join(folder('many', String(at)), 'file'), '');
    git(folder('many/9/deep/inner'), 'init', '-q');
    expect((await look(5)).unseen).toBe('it is too large to look through');
    expect(await look()).toEqual({ worked: ['many/9/deep/inner'], bare: [], unseen: null });
  });

  it('says so when a folder cannot be read', async () => {
    // Deeper than a path may be long.
    const names = Array.from({ length: 15 }, () => 'n'.repeat(200));
    const deep = folder(...names);
    folder('other', ...names);
    renameSync(join(root, 'other'), join(deep, 'other'));
    expect((await look()).unseen).toMatch(/^a folder in it cannot be read: n{200}$/);
  });

  it('ends when it is called off', async () => {
    await expect(findRepositories(Buffer.from(root), AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});
