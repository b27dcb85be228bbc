import {
  existsSync,
  openSync,
  chmodSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { until } from '../../test/git-processes.js';
import { PATIENCE, TestMirrors } from '../../test/mirrors.js';
import { commit, git as run, Scratch } from '../../test/scratch-git.js';

let scratch: Scratch;
let own: TestMirrors;
let source: string;
let id: string;
let directory: string;
let pushed: string;

beforeAll(() => Logger.overrideLogger(false));
beforeEach(async () => {
  scratch = new Scratch();
  own = new TestMirrors(scratch);
  source = scratch.repository('roots/a', ['one', 'two', 'three']);
  run(source, 'tag', 'v1');
  id = own.records.add(source);
  await own.mirrors.ensureFresh(id);
  directory = own.directoryOf(id);
  // What a worker has pushed is nowhere else.
  const work = scratch.directory('work');
  run(work, 'clone', '-q', source, '.');
  writeFileSync(join(work, 'result.txt'), 'the work of an agent\n'.repeat(100));
  run(work, 'add', '--all');
  pushed = commit(work, 'feat: work');
  run(work, 'push', '-q', directory, 'HEAD:refs/heads/task/x-a1');
  run(directory, 'repack', '-adq');
  run(directory, 'pack-refs', '--all');
});
afterEach(() => scratch.remove());

const packs = (end: string): string[] =>
  readdirSync(join(directory, 'objects/pack'))
    .filter((name) => name.endsWith(end))
    .map((name) => join(directory, 'objects/pack', name));

const eachPack = (end: string, break_: (path: string) => void): void => {
  for (const path of packs(end)) {
    chmodSync(path, 0o600);
    break_(path);
  }
};

/** Overwrites some bytes. */
function scribble(path: string, at: number, length: number): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(length, 0xa5), 0, length, at);
  closeSync(file);
}

/** Files outside of `objects` that git would not make, and mirrors that were set aside. */
const remains = (): string[] => readdirSync(own.root).filter((name) => name !== '.home' && name !== `${id}.git`);

async function isServedWhole(): Promise<boolean> {
  try {
    const place = await own.mirrors.open(id, PATIENCE);
    const positions = await own.order(place, null);
    await own.commits.read(
      place,
      positions.map(({ sha }) => sha),
    );
    return positions.length >= 3;
  } catch {
    return false;
  }
}

describe('a damaged mirror is rebuilt, and loses nothing that can still be read', () => {
  it.each<[string, () => void]>([
    ['without its references', () => rmSync(join(directory, 'refs'), { recursive: true })],
    ['with an empty HEAD', () => writeFileSync(join(directory, 'HEAD'), '')],
    [
      'with a torn list of references',
      () => {
        const text = readFileSync(join(directory, 'packed-refs'), 'utf8');
        // The line of the tag, which comes last.
        writeFileSync(join(directory, 'packed-refs'), text.slice(0, -15));
      },
    ],
    ['with a configuration that is none', () => writeFileSync(join(directory, 'config'), '\u0007[[[')],
    ['with a reference that is empty', () => writeFileSync(join(directory, 'refs/heads/main'), '')],
  ])('%s', async (_, break_) => {
    break_();
    await until(isServedWhole);
    expect(run(directory, 'rev-parse', 'task/x-a1')).toBe(pushed);
    expect(run(directory, 'rev-parse', 'main', 'v1').split('\n')).toEqual(
      Array(2).fill(run(source, 'rev-parse', 'main')),
    );
    run(directory, 'fsck', '--strict');
    expect(remains()).toEqual([]);
    expect(own.records.outcomes).toContain('rebuilt with task/x-a1 without ');
    // A later fetch is an ordinary one.
    const later = commit(source, 'four');
    await own.mirrors.ensureFresh(id);
    expect(run(directory, 'rev-parse', 'main')).toBe(later);
  });
});

describe('a mirror whose objects are damaged is rebuilt, and kept aside as it was', () => {
  it.each<[string, () => void]>([
    ['without its objects', () => rmSync(join(directory, 'objects'), { recursive: true })],
    ['without its packs', () => eachPack('', (path) => rmSync(path))],
    ['with a pack that is cut short', () => eachPack('.pack', (path) => truncateSync(path, 100))],
    ['with a pack that was written over', () => eachPack('.pack', (path) => scribble(path, 20, 300))],
    ['with an index that is cut short', () => eachPack('.idx', (path) => truncateSync(path, 100))],
  ])('%s', async (_, break_) => {
    break_();
    await until(isServedWhole);
    run(directory, 'fsck', '--strict');
    expect(run(directory, 'rev-parse', 'main')).toBe(run(source, 'rev-parse', 'main'));
    // The work of the agent was in what is damaged: somebody may still make something of it.
    expect(own.records.outcomes).toContain('rebuilt with  without task/x-a1');
    const [kept, ...more] = remains();
    expect(more).toEqual([]);
    expect(kept).toMatch(/^\.damaged-/);
    expect(readFileSync(join(own.root, kept ?? '', 'packed-refs'), 'utf8')).toContain(pushed);
    await own.mirrors.remove(id);
    expect(readdirSync(own.root)).toEqual(['.home']);
  });
});

it('locks that a killed git left behind are taken away once nobody can hold them', async () => {
  for (const name of ['packed-refs.lock', 'refs/heads/main.lock', 'HEAD.lock', 'refs/tags/v1.lock']) {
    const lock = join(directory, name);
    writeFileSync(lock, '');
    run(source, 'tag', '-f', 'v1');
    commit(source, `before ${name}`);
    run(source, 'tag', '-f', 'v1');
    run(source, 'checkout', '-q', '-B', name.startsWith('HEAD') ? 'trunk' : 'main');
    // It might be that of a push under way.
    await own.mirrors.ensureFresh(id).catch(() => undefined);
    expect(existsSync(lock)).toBe(true);
    utimesSync(lock, 1, 1);
    await own.mirrors.ensureFresh(id);
    expect(run(directory, 'rev-parse', 'v1')).toBe(run(source, 'rev-parse', 'HEAD'));
  }
  expect(run(directory, 'rev-parse', 'task/x-a1')).toBe(pushed);
});

describe('a mirror stays as it is', () => {
  it('while its source cannot be fetched, and is rebuilt when it can', async () => {
    writeFileSync(join(directory, 'HEAD'), '');
    renameSync(source, `${source}-away`);
    await expect(own.mirrors.ensureFresh(id)).rejects.toMatchObject({ code: 'git/failed' });
    expect(remains()).toEqual([]);
    expect(readFileSync(join(directory, 'packed-refs'), 'utf8')).toContain(pushed);
    renameSync(`${source}-away`, source);
    await until(isServedWhole);
    expect(run(directory, 'rev-parse', 'task/x-a1')).toBe(pushed);
  });

  it('when it is the source that is damaged', async () => {
    const lost = commit(source, 'four');
    commit(source, 'five');
    rmSync(join(source, '.git/objects', lost.slice(0, 2), lost.slice(2)));
    await expect(own.mirrors.ensureFresh(id)).rejects.toMatchObject({ code: 'git/failed', reason: 'damaged' });
    expect(run(directory, 'log', '-1', '--format=%s', 'main')).toBe('three');
    expect(remains()).toEqual([]);
    expect(await isServedWhole()).toBe(true);
  });
});
