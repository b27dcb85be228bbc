import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { newId } from '../ids.js';
import { Scratch } from '../../test/scratch-git.js';
import { withMirrorLock } from './mirror-lock.js';

let scratch: Scratch;

beforeEach(() => {
  scratch = new Scratch();
});
afterEach(() => scratch.remove());

describe('the lock of a mirror', () => {
  it('is held by one at a time', async () => {
    const path = join(scratch.path, 'lock');
    let inside = 0;
    const most = await Promise.all(
      Array.from({ length: 5 }, () =>
        withMirrorLock(path, 20_000, async () => {
          inside++;
          const seen = inside;
          await new Promise(setImmediate);
          inside--;
          return seen;
        }),
      ),
    );
    expect(most).toEqual([1, 1, 1, 1, 1]);
    expect(existsSync(path)).toBe(false);
  });

  it('of a process that died is taken over at once', async () => {
    const path = join(scratch.path, 'lock');
    const dead = { token: newId(), host: hostname(), pid: 2 ** 22 + 1 };
    writeFileSync(path, JSON.stringify(dead));
    await expect(withMirrorLock(path, 0, () => Promise.resolve('mine'))).resolves.toBe('mine');
    // After a restart in a container the pid is the same.
    writeFileSync(path, JSON.stringify({ ...dead, pid: process.pid }));
    await expect(withMirrorLock(path, 0, () => Promise.resolve('mine'))).resolves.toBe('mine');
  });

  it('of one that lives is waited for no longer than patience lasts', async () => {
    const path = join(scratch.path, 'lock');
    writeFileSync(path, JSON.stringify({ token: newId(), host: hostname(), pid: process.ppid }));
    await expect(withMirrorLock(path, 150, () => Promise.resolve())).rejects.toMatchObject({ reason: 'locked' });
    expect(existsSync(path)).toBe(true);
  });

  it('goes with the work, also when that fails', async () => {
    const path = join(scratch.path, 'lock');
    await expect(withMirrorLock(path, 0, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(readdirSync(scratch.path).filter((name) => name.startsWith('lock'))).toEqual([]);
  });
});
