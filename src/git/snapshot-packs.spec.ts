import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Scratch } from '../../test/scratch-git.js';
import { SnapshotPacks } from './snapshot-packs.js';

let scratch: Scratch;
let folder: string;
let packs: SnapshotPacks;

beforeEach(() => {
  scratch = new Scratch();
  folder = join(scratch.path, 'objects/pack');
  packs = new SnapshotPacks(folder);
});
afterEach(() => scratch.remove());

/** Writes the files of a pack of so long ago. */
function write(stem: string, secondsAgo: number, into = folder): void {
  mkdirSync(into, { recursive: true });
  for (const end of ['.pack', '.idx']) {
    writeFileSync(join(into, stem + end), '12345');
    utimesSync(join(into, stem + end), Date.now() / 1000 - secondsAgo, Date.now() / 1000 - secondsAgo);
  }
}
const there = (): string[] => readdirSync(folder).sort();

it('keeps the newest, however old it is', async () => {
  write('pack-a', 9000);
  expect(await packs.removeOld()).toBe(10);
  expect(there()).toEqual(['pack-a.idx', 'pack-a.pack']);
});

it('keeps one for a while from when the next had come, as it was read until then', async () => {
  write('pack-a', 9000);
  write('pack-b', 8000);
  write('pack-c', 5);
  expect(await packs.removeOld()).toBe(20);
  expect(there()).toEqual(['pack-b.idx', 'pack-b.pack', 'pack-c.idx', 'pack-c.pack']);
  write('pack-c', 500);
  expect(await packs.removeOld()).toBe(10);
  expect(there()).toEqual(['pack-c.idx', 'pack-c.pack']);
});

it('keeps nothing of a pack that is not whole, unless it may be on its way', async () => {
  write('pack-a', 5);
  for (const [name, secondsAgo] of [
    ['pack-b.idx', 5],
    ['pack-c.idx', 500],
  ] as const) {
    writeFileSync(join(folder, name), '');
    utimesSync(join(folder, name), Date.now() / 1000 - secondsAgo, Date.now() / 1000 - secondsAgo);
  }
  await packs.removeOld();
  expect(there()).toEqual(['pack-a.idx', 'pack-a.pack', 'pack-b.idx']);
});

it('takes one in, in the place of the same, and takes it out again', async () => {
  write('pack-a', 5);
  const from = scratch.directory('incoming');
  write('received', 0, from);
  writeFileSync(join(from, 'received.pack'), 'whole');
  writeFileSync(join(from, 'received.rev'), '');
  await packs.add(from, 'received', 'pack-a');
  expect(there()).toEqual(['pack-a.idx', 'pack-a.pack', 'pack-a.rev']);
  await packs.remove(await packs.indices());
  expect(there()).toEqual([]);
});
