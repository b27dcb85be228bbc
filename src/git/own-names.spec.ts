import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Scratch } from '../../test/scratch-git.js';
import { bytePath } from './byte-path.js';
import { namedInSharedLogs, readOwnNames, type Holder } from './own-names.js';

const A = 'a'.repeat(40);
const B = 'b'.repeat(40);
const NOBODY = 65534;
const LINE = `${A} ${B} Ada <a@b> 1700000000 +0000\tcommit: x\n`;

let scratch: Scratch;
let folder: string;

beforeEach(() => {
  scratch = new Scratch();
  folder = scratch.directory('worktrees/wt');
  for (const path of [scratch.path, join(scratch.path, 'worktrees'), folder]) chmodSync(path, 0o755);
  for (const name of ['logs', 'refs/worktree']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'logs/HEAD'), LINE);
  writeFileSync(join(folder, 'refs/worktree/mine'), `${A}\n`);
  writeFileSync(join(folder, 'ORIG_HEAD'), `${B}\n`);
});
afterEach(() => scratch.remove());

const read = (): Promise<Holder[]> => readOwnNames(bytePath(folder));

/** As an account that permissions mean something to: root reads everything. */
async function asAnybody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

it('everything that names commits is told, with what it is', async () => {
  expect(await asAnybody(read)).toEqual([
    { name: 'its reference refs/worktree/mine', ids: [A], any: true },
    { name: 'its ORIG_HEAD', ids: [B], any: true },
    { name: 'the log of its HEAD', ids: [A, B], any: false },
  ]);
});

it.each(['logs/HEAD', 'refs/worktree/mine', 'ORIG_HEAD', 'logs', 'refs', 'refs/worktree'])(
  'what is there and may not be read is no sign of nothing: %s',
  async (name) => {
    chmodSync(join(folder, name), 0);
    await expect(asAnybody(read)).rejects.toMatchObject({
      reason: 'damaged',
      detail: expect.stringMatching(/cannot be read/),
    });
    chmodSync(join(folder, name), 0o755);
    await asAnybody(read);
  },
);

it.each(['logs/refs', 'refs/worktree/other'])('nor is what git does not make: a link at %s', async (name) => {
  symlinkSync('/nonexistent', join(folder, name));
  await expect(read()).rejects.toMatchObject({ reason: 'damaged' });
});

it('nor what is too large to be read', async () => {
  truncateSync(join(folder, 'logs/HEAD'), 1024 ** 3);
  await expect(read()).rejects.toMatchObject({ reason: 'too_large' });
});

it('a log of others that may not be read excuses nothing', async () => {
  const { signal } = new AbortController();
  const named = (): Promise<Set<string>> => namedInSharedLogs(folder, new Set([A]), signal);
  expect(await named()).toEqual(new Set([A]));
  chmodSync(join(folder, 'logs/HEAD'), 0);
  expect(await asAnybody(named)).toEqual(new Set());
});
