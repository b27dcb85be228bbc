import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyChanged } from './safe-copies.js';
import { SafeCopy, type Copied } from './safe-copy.js';

const limits = { maxFileBytes: 1024, signal: new AbortController().signal };

describe('SafeCopy', () => {
  let root: string;
  let source: SafeCopy;
  const at = (...parts: string[]): string => join(root, ...parts);
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'safe copy ')));
    await mkdir(at('from/folder'), { recursive: true });
    await mkdir(at('secrets'));
    await writeFile(at('secrets/key'), 'a secret');
    source = await SafeCopy.of(at('from'));
  });
  afterEach(async () => {
    await source.close();
    await rm(root, { recursive: true, force: true });
  });
  const copy = (path: string, most = 100): Promise<Copied> => source.copy(path, at('to', path), most);

  it('copies a file of any depth, with whether it can be run', async () => {
    await writeFile(at('from/folder/x'), 'text');
    await writeFile(at('from/run'), '#!', { mode: 0o755 });
    expect([await copy('folder/x'), await copy('run')]).toEqual([{ kind: 'file' }, { kind: 'file' }]);
    expect(await readFile(at('to/folder/x'), 'utf8')).toBe('text');
    expect(((await stat(at('to/run'))).mode & 0o100) !== 0).toBe(true);
  });

  it('follows no link, neither as the file nor on the way to it', async () => {
    await symlink(at('secrets/key'), at('from/key'));
    await rm(at('from/folder'), { recursive: true });
    await symlink(at('secrets'), at('from/folder'));
    expect(await copy('key')).toEqual({ kind: 'link', target: at('secrets/key') });
    expect(await copy('folder/key')).toEqual({ kind: 'gone' });
    expect(await copy('folder')).toEqual({ kind: 'link', target: at('secrets') });
  });

  it('goes on in what it has opened when something else is put in its place', async () => {
    await writeFile(at('from/folder/key'), 'mine');
    await rm(at('aside'), { recursive: true, force: true });
    execFileSync('mv', [at('from'), at('aside')]);
    await symlink(at('secrets'), at('from'));
    expect(await copy('folder/key')).toEqual({ kind: 'file' });
    expect(await copy('key')).toEqual({ kind: 'gone' });
    await expect(SafeCopy.of(at('from'))).rejects.toThrow();
  });

  it('waits for nobody and reads no more than it may', async () => {
    execFileSync('mkfifo', [at('from/pipe')]);
    await writeFile(at('from/large'), '');
    await truncate(at('from/large'), 101);
    await writeFile(at('from/fits'), 'x'.repeat(100));
    expect(await copy('pipe')).toEqual({ kind: 'gone' });
    expect(await copy('folder')).toEqual({ kind: 'gone' });
    expect(await copy('not-there')).toEqual({ kind: 'gone' });
    expect(await copy('large')).toEqual({ kind: 'large' });
    expect(await copy('fits')).toEqual({ kind: 'file' });
  });

  it('writes nothing through a link that it has copied', async () => {
    await mkdir(at('to'));
    await symlink(at('secrets'), at('from/link'));
    await writeFile(at('from/link2'), 'x');
    // As it would be named if the link had been a directory a moment before.
    const told = await copyChanged(at('from'), ['link', 'link/key', 'link2/x', 'link2'], at('to'), limits);
    expect(told).toEqual({ taken: ['link2', 'link'], gone: ['link/key', 'link2/x'], isPart: false });
    expect(await readFile(at('secrets/key'), 'utf8')).toBe('a secret');
  });

  it('reads no more of a file than may be committed', async () => {
    await mkdir(at('to'));
    await writeFile(at('from/large'), 'x'.repeat(1025));
    await writeFile(at('from/small'), 'x'.repeat(1024));
    const told = await copyChanged(at('from'), ['large', 'small'], at('to'), limits);
    expect(told).toEqual({ taken: ['large', 'small'], gone: [], isPart: true });
    expect(await readFile(at('to/large'), 'utf8')).toMatch(/^A file of 1025 bytes/);
  });

  it('says what it could not read', async () => {
    await mkdir(at('to'));
    await writeFile(at('from/shut'), 'x');
    await chmod(at('from/shut'), 0);
    const told = await copyChanged(at('from'), ['shut'], at('to'), limits);
    // Nothing is shut to root.
    const isRoot = process.getuid?.() === 0;
    expect(told).toEqual({ taken: isRoot ? ['shut'] : [], gone: [], isPart: !isRoot });
  });
});
