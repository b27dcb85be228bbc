import { appendFileSync, existsSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { git as run, Scratch } from '../../test/scratch-git.js';
import { until } from '../../test/git-processes.js';
import { refStateOf } from './ref-state.js';
import { RememberedRefs } from './remembered-refs.js';

let scratch: Scratch;
let directory: string;

/** Waits until nothing has been changed for so long that it can be told. */
async function settled(): Promise<string> {
  let state: string | null = null;
  await until(async () => (state = await refStateOf(directory)) !== null);
  return String(state);
}

beforeEach(() => {
  scratch = new Scratch();
  directory = join(scratch.repository('a', ['one', 'two']), '.git');
});
afterEach(() => scratch.remove());

it('tells nothing of what was changed a moment ago, and the same for as long as nothing is', async () => {
  run(directory, 'branch', 'new');
  expect(await refStateOf(directory, { settled_ms: 60_000 })).toBeNull();
  const state = await settled();
  expect(await refStateOf(directory)).toBe(state);
});

it('is another one whatever is changed', async () => {
  run(directory, 'branch', 'deep/in/folders');
  const changes: (readonly string[])[] = [
    ['update-ref', 'refs/heads/main', 'HEAD~1'],
    ['update-ref', 'refs/heads/deep/in/folders', 'main'],
    ['branch', '-D', 'deep/in/folders'],
    ['tag', 'v1'],
    ['pack-refs', '--all'],
    ['tag', '-d', 'v1'],
    ['symbolic-ref', 'HEAD', 'refs/heads/other'],
  ];
  const now = (): Promise<string | null> => refStateOf(directory, { settled_ms: 0 });
  const seen = new Set([await now()]);
  for (const args of changes) {
    run(directory, ...args);
    seen.add(await now());
  }
  expect(await now()).not.toBeNull();
  expect(seen.size).toBe(changes.length + 1);
});

it.each(['packed-refs', 'config', 'shallow', 'HEAD'])('tells nothing where %s is a link to elsewhere', async (name) => {
  run(directory, 'pack-refs', '--all');
  const elsewhere = join(scratch.path, 'elsewhere');
  if (existsSync(join(directory, name))) renameSync(join(directory, name), elsewhere);
  symlinkSync(elsewhere, join(directory, name));
  expect(await refStateOf(directory, { settled_ms: 0 })).toBeNull();
});

it('tells of a HEAD that is a link to a branch, as git made them once, which branch that is', async () => {
  run(directory, 'branch', 'other');
  const seen = new Set<string | null>();
  for (const branch of ['main', 'other']) {
    rmSync(join(directory, 'HEAD'));
    symlinkSync(`refs/heads/${branch}`, join(directory, 'HEAD'));
    seen.add(await refStateOf(directory, { settled_ms: 0 }));
  }
  run(directory, 'update-ref', 'refs/heads/other', 'main~1');
  seen.add(await refStateOf(directory, { settled_ms: 0 }));
  expect([seen.size, seen.has(null)]).toEqual([3, false]);
});

it('tells nothing where references are kept otherwise', async () => {
  symlinkSync(join(directory, 'refs', 'heads'), join(directory, 'refs', 'linked'));
  expect(await refStateOf(directory, { settled_ms: 0 })).toBeNull();
  expect(await refStateOf(join(directory, 'nowhere'))).toBeNull();
});

it('has what was read of it remembered, until it is another one', async () => {
  const remembered = new RememberedRefs<number>(() => 1);
  let made = 0;
  const read = (): Promise<number> => remembered.read(directory, () => Promise.resolve(++made));
  await settled();
  expect([await read(), await read()]).toEqual([1, 1]);
  run(directory, 'branch', 'new');
  // Read anew for as long as it cannot be told what it is.
  expect(await read()).toBe(2);
  await settled();
  const last = await read();
  expect([last > 1, await read()]).toEqual([true, last]);
  appendFileSync(join(directory, 'packed-refs'), '');
  expect(await read()).toBe(last + 1);
});
