import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { liveProcesses, until } from '../../test/git-processes.js';
import { PATIENCE, TestMirrors } from '../../test/mirrors.js';
import { endless, withGit } from '../../test/replaced-git.js';
import { commit, git as run, Scratch } from '../../test/scratch-git.js';
import type { Diff } from './diff-output.js';
import type { DiffOptions } from './diffs.service.js';
import { withinGitTime } from './git-time.js';

const SIGNAL = new AbortController().signal;
let scratch: Scratch;
let own: TestMirrors;
let source: string;

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  scratch = new Scratch();
  own = new TestMirrors(scratch);
  source = scratch.repository('roots/a', ['one']);
});
afterEach(() => scratch.remove());

const write = (name: string | Buffer, content: string | Buffer): void =>
  writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from(name)]), content);

/** Commits what there is, and gives the commit. */
function save(): string {
  run(source, 'add', '--all');
  return commit(source, 'more');
}

const head = (): string => run(source, 'rev-parse', 'HEAD');

/** The mirror, as it is after a fetch. */
const mirror = (): Promise<string> => own.mirrors.open(own.records.add(source), PATIENCE);

const since = async (base: string | null, options: DiffOptions = {}): Promise<Diff> =>
  own.diffs.between(await mirror(), base, head(), SIGNAL, options);

describe('the diff of two commits', () => {
  it('tells of each file what has become of it', async () => {
    write('text', 'one\n');
    write('program', '#!/bin/sh\n');
    write('old', 'a\nb\nc\nd\ne\n');
    write('gone', 'gone');
    write('image', Buffer.from([0, 1, 2]));
    symlinkSync('text', join(source, 'link'));
    const base = save();
    write('text', 'two');
    run(source, 'mv', 'old', 'new');
    run(source, 'rm', '-q', 'gone');
    write('image', Buffer.from([0, 1, 3]));
    unlinkSync(join(source, 'link'));
    write('link', 'no link\n');
    write('empty', '');
    run(source, 'add', '--all');
    run(source, 'update-index', '--chmod=+x', 'program');
    run(source, 'update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},module`);
    commit(source, 'more');
    const { files, ...sums } = await since(base);
    expect(sums).toEqual({ files_changed: 8, additions: 3, deletions: 3, truncated: false });
    expect(files).toMatchObject([
      { path: 'empty', status: 'added', previous_mode: null, mode: '100644', additions: 0 },
      { path: 'gone', status: 'deleted', previous_mode: '100644', mode: null, deletions: 1 },
      { path: 'image', status: 'modified', binary: true, patch: null, additions: null, deletions: null },
      { path: 'link', status: 'type_changed', previous_mode: '120000', mode: '100644' },
      { path: 'module', status: 'added', mode: '160000', patch: expect.stringContaining(`+Subproject commit 111`) },
      { path: 'new', previous_path: 'old', status: 'renamed', additions: 0, deletions: 0 },
      { path: 'program', status: 'modified', mode: '100755', patch: expect.stringContaining('new mode 100755\n') },
      { path: 'text', patch: expect.stringContaining('-one\n+two\n\\ No newline at end of file\n') },
    ]);
  });

  it('is what makes the one of the other', async () => {
    write('a', 'one\ntwo\n');
    const base = save();
    write('a', 'one\nthree');
    write('雅 "quoted"\t', 'new\n');
    save();
    const { files } = await since(base);
    const copy = join(scratch.path, 'copy');
    run(scratch.path, 'clone', '-q', source, copy);
    run(copy, 'checkout', '-q', base);
    writeFileSync(join(scratch.path, 'patch'), files.map(({ patch }) => patch ?? '').join(''));
    run(copy, 'apply', '--index', join(scratch.path, 'patch'));
    expect(run(copy, 'write-tree')).toBe(run(source, 'rev-parse', 'HEAD^{tree}'));
  });

  it('has a patch of each file, whatever bytes its name has', async () => {
    const base = head();
    for (let byte = 1; byte < 256; byte += 1) if (byte !== 0x2f && byte !== 0x2e) write(Buffer.from([byte]), 'text\n');
    for (const name of [' b/', 'a b/a', 'diff --git a/x b/x', '-n', ':(glob)*', '"', '\\', 'x\n+y']) {
      if (name.includes('/')) mkdirSync(join(source, name.slice(0, name.lastIndexOf('/'))), { recursive: true });
      write(name.endsWith('/') ? `${name}x` : name, 'text\n');
    }
    save();
    const { files, files_changed, truncated } = await since(base);
    expect([files_changed, truncated]).toEqual([261 - 2, false]);
    expect(files.filter(({ patch }) => !patch?.endsWith('@@ -0,0 +1 @@\n+text\n'))).toEqual([]);
  });

  it('starts from nothing when there is nothing before', async () => {
    write('a', 'one\n');
    save();
    expect(await since(null)).toMatchObject({ files_changed: 1, files: [{ path: 'a', status: 'added' }] });
    expect(await since(head())).toMatchObject({ files_changed: 0, files: [] });
  });

  it('is narrowed to a file or a directory, to the letter', async () => {
    const base = head();
    mkdirSync(join(source, 'dir'));
    for (const name of ['dir/a', 'dir/b', 'directory', '*', ':(top)x', '--output=canary']) write(name, 'text\n');
    save();
    const at = async (path: string) => (await since(base, { path })).files.map((file) => file.path);
    expect(await at('dir')).toEqual(['dir/a', 'dir/b']);
    expect(await at('dir/b')).toEqual(['dir/b']);
    expect(await at('*')).toEqual(['*']);
    expect(await at(':(top)x')).toEqual([':(top)x']);
    expect(await at('--output=canary')).toEqual(['--output=canary']);
    expect(await at('missing')).toEqual([]);
  });
});

describe('a diff', () => {
  it('runs no program that attributes or settings name, and shows what they would hide', async () => {
    const base = head();
    write('.gitattributes', '* diff=evil\nhidden -diff\n');
    write('hidden', 'text\n');
    save();
    const directory = await mirror();
    const canary = join(scratch.path, 'canary');
    mkdirSync(join(directory, 'info'), { recursive: true });
    writeFileSync(join(directory, 'info', 'attributes'), 'hidden diff=evil\n');
    for (const key of ['diff.evil.command', 'diff.evil.textconv', 'diff.external']) {
      run(directory, 'config', key, `touch "${canary}"; true`);
    }
    run(directory, 'config', 'color.ui', 'always');
    run(directory, 'config', 'diff.noprefix', 'true');
    run(directory, 'config', 'diff.renames', 'false');
    run(directory, 'config', 'diff.ignoreSubmodules', 'all');
    const { files } = await own.diffs.between(directory, base, head(), SIGNAL);
    expect(files.map(({ path }) => path)).toEqual(['.gitattributes', 'hidden']);
    expect(files[1]?.patch).toMatch(/^diff --git a\/hidden b\/hidden\n[^]*\+text\n$/);
    expect(existsSync(canary)).toBe(false);
  });

  it('does not read as text what is very large', async () => {
    const base = head();
    write('large', 'line\n'.repeat(2_000_000));
    save();
    expect((await since(base)).files).toMatchObject([{ path: 'large', binary: true, patch: null }]);
  });

  it('ends git as soon as there is no room for more', async () => {
    const base = head();
    for (let at = 0; at < 40; at += 1) write(`f${String(at + 10)}`, `${String(at)} ${'x'.repeat(98)}\n`.repeat(1000));
    save();
    const diff = await since(base);
    expect(diff).toMatchObject({ files_changed: 40, additions: 40_000, truncated: true });
    const patches = diff.files.map(({ patch }) => Buffer.byteLength(patch ?? ''));
    expect(patches.slice(0, 15).every((size) => size > 64_000 && size <= 65_536)).toBe(true);
    expect(patches.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(1024 * 1024);
    expect(diff.files.every(({ truncated }) => truncated)).toBe(true);
    expect(diff.files.at(-1)).toMatchObject({ path: 'f49', additions: 1000, patch: null });
  });

  it('of a mirror that lacks objects is an error', async () => {
    write('a', 'one\n');
    save();
    await expect(own.diffs.between(await mirror(), null, 'f'.repeat(40), SIGNAL)).rejects.toMatchObject({
      code: 'git/failed',
    });
  });

  it('ends with its caller, before git was begun and while it works', async () => {
    write('a', 'one\n');
    const tip = save();
    const directory = await mirror();
    const early = new AbortController();
    const begun = withinGitTime(early.signal, (signal) => {
      const diff = own.diffs.between(directory, null, tip, signal);
      early.abort();
      return diff;
    });
    await expect(begun).rejects.toMatchObject({ reason: 'aborted' });
    await withGit(scratch, endless('diff-tree'), async () => {
      const gone = new AbortController();
      const work = withinGitTime(gone.signal, (signal) => own.diffs.between(directory, null, tip, signal));
      const diffing = () => liveProcesses().some(({ command }) => command.includes(`${directory} `));
      await until(diffing);
      gone.abort();
      await expect(work).rejects.toMatchObject({ reason: 'aborted' });
      await until(() => !diffing());
    });
  });

  it('is as much as was read when its time is up among the patches', async () => {
    write('a', 'one\n');
    write('b', 'two\n');
    const base = head();
    save();
    const patches = execFileSync('git', ['diff-tree', '-r', '-z', '--raw', '--numstat', '-p', base, head()], {
      cwd: source,
    });
    const directory = await mirror();
    await withGit(scratch, 'cat "$here/said" && touch "$here/done" && exec sleep 600', async (here) => {
      writeFileSync(join(here, 'said'), patches.subarray(0, patches.indexOf('diff --git a/b')));
      const late = new AbortController();
      const work = own.diffs.between(directory, base, head(), late.signal);
      await until(() => existsSync(join(here, 'done')));
      late.abort(new DOMException('', 'TimeoutError'));
      expect(await work).toMatchObject({
        files_changed: 2,
        additions: 2,
        truncated: true,
        files: [
          { path: 'a', patch: expect.stringContaining('+one\n') },
          { path: 'b', patch: null, truncated: true },
        ],
      });
    });
  });
});

it('the last commit that two histories share is found, or that there is none', async () => {
  const base = head();
  run(source, 'checkout', '-q', '-b', 'other');
  const other = commit(source, 'other');
  run(source, 'checkout', '-q', 'main');
  const main = commit(source, 'main');
  run(source, 'checkout', '-q', '--orphan', 'alone');
  const alone = commit(source, 'alone');
  const directory = await mirror();
  await expect(own.commits.mergeBase(directory, main, other, SIGNAL)).resolves.toBe(base);
  await expect(own.commits.mergeBase(directory, base, other, SIGNAL)).resolves.toBe(base);
  await expect(own.commits.mergeBase(directory, main, alone, SIGNAL)).resolves.toBeNull();
  await expect(own.commits.mergeBase(directory, main, 'f'.repeat(40), SIGNAL)).rejects.toMatchObject({
    code: 'git/failed',
  });
});
