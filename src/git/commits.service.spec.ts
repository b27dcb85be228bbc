import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { PATIENCE, TestMirrors } from '../../test/mirrors.js';
import { commit, git as run, Scratch } from '../../test/scratch-git.js';

const SIGNAL = new AbortController().signal;
let scratch: Scratch;
let own: TestMirrors;

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  scratch = new Scratch();
  own = new TestMirrors(scratch);
});
afterEach(() => scratch.remove());

describe('the commits of a mirror', () => {
  const history = (source: string): Promise<string> => own.mirrors.open(own.records.add(source), PATIENCE);

  it('come newest first by instant across branches, though a parent claims to be younger', async () => {
    const source = scratch.repository('roots/a', []);
    commit(source, 'middle', 2000);
    commit(source, 'oldest', 1000);
    run(source, 'checkout', '-q', '-b', 'other');
    commit(source, 'newest', 3000);
    const directory = await history(source);
    const order = await own.order(directory, null);
    expect(order.map(({ at }) => at)).toEqual([3000, 2000, 1000]);
    const read = await own.commits.read(
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
      await expect(own.commits.resolve(directory, ref, SIGNAL)).resolves.toBe(tip);
    }
    await expect(own.commits.resolve(directory, 'v1', SIGNAL)).resolves.toBe(first);
    await expect(own.order(directory, first ?? '')).resolves.toHaveLength(1);
  });

  it('are those of a full name to the letter, whatever else bears a name that git would also try', async () => {
    const source = scratch.repository('roots/a', ['one', 'two']);
    const [tip = '', first = ''] = run(source, 'rev-list', 'main').split('\n');
    for (const name of ['refs/heads/refs/heads/main', 'refs/tags/refs/heads/main', 'refs/tags/heads/main'])
      run(source, 'update-ref', name, first);
    const directory = await history(source);
    await expect(own.commits.resolve(directory, 'refs/heads/main', SIGNAL)).resolves.toBe(tip);
    await expect(own.commits.resolve(directory, 'refs/heads/refs/heads/main', SIGNAL)).resolves.toBe(first);
    await expect(own.commits.resolve(directory, 'heads/main', SIGNAL)).resolves.toBe(first);
    run(directory, 'update-ref', '-d', 'refs/heads/main');
    for (const gone of ['refs/heads/main', 'main'])
      await expect(own.commits.resolve(directory, gone, SIGNAL)).rejects.toMatchObject({ code: 'git/ref-not-found' });
  });

  it('are those of a name of any length and any bytes, as it is shown', async () => {
    const source = scratch.repository('roots/a', ['one', 'two']);
    const [tip = '', first = ''] = run(source, 'rev-list', 'main').split('\n');
    const long = Array.from({ length: 5 }, () => 'é'.repeat(100)).join('/');
    const bytes = Buffer.from(`create refs/heads/caf\xe9 ${first}\ncreate refs/heads/caf\xe8 ${tip}\n`, 'latin1');
    execFileSync('git', ['update-ref', '--stdin'], { cwd: source, input: bytes });
    run(source, 'update-ref', `refs/heads/${long}`, first);
    const directory = await history(source);
    for (const ref of [long, 'caf\\xe9', 'refs/heads/caf\\xe9'])
      await expect(own.commits.resolve(directory, ref, SIGNAL)).resolves.toBe(first);
    await expect(own.commits.resolve(directory, 'caf\\xe8', SIGNAL)).resolves.toBe(tip);
    for (const ref of ['caf\\xea', 'caf?', long.slice(0, -2), long.slice(0, 100)])
      await expect(own.commits.resolve(directory, ref, SIGNAL)).rejects.toMatchObject({ code: 'git/ref-not-found' });
  });

  it('are not found under what git would make of an id and a guess at a name', async () => {
    const source = scratch.repository('roots/a', ['one', 'two']);
    const tip = run(source, 'rev-parse', 'main');
    const directory = await history(source);
    for (const ref of [`main-0-g${tip.slice(0, 8)}`, `${tip.slice(0, 8)}-dirty`, 'HEAD', 'heads/main', 'FETCH_HEAD'])
      await expect(own.commits.resolve(directory, ref, SIGNAL)).rejects.toMatchObject({ code: 'git/ref-not-found' });
  });

  it.each([
    'missing',
    '--all',
    '-n1',
    '-x',
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
    'refs/heads',
    'refs/heads/',
    'mai\\n',
  ])('are not found under %j', async (ref) => {
    const directory = await history(scratch.repository('roots/a', ['one', 'two']));
    await expect(own.commits.resolve(directory, ref, SIGNAL)).rejects.toMatchObject({ code: 'git/ref-not-found' });
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
    rmSync(join(directory, 'history'), { recursive: true });
    await expect(own.order(directory, null)).rejects.toMatchObject({ code: 'git/failed' });
    await expect(own.commits.read(directory, [first], SIGNAL)).rejects.toMatchObject({ reason: 'damaged' });
  });
});
