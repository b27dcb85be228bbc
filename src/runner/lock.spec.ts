import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lock, LockHeld } from './lock.js';
import { findProcess } from './process-table.js';

const NONCE = '00000000-0000-4000-8000-000000000000';

describe('Lock', () => {
  let directory: string;
  let path: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lock-'));
    path = join(directory, 'a.lock');
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is held by one at a time, and leaves nothing behind', async () => {
    const lock = await Lock.take(path);
    await expect(Lock.take(path)).rejects.toMatchObject({ name: 'LockHeld', pid: process.pid });
    await lock.release();
    await (await Lock.take(path)).release();
    expect(await readdir(directory)).toEqual([]);
  });

  it('goes to exactly one of many that find it stale', async () => {
    for (let round = 0; round < 100; round++) {
      await writeFile(path, JSON.stringify({ pid: 1, started: 'long ago', nonce: NONCE }));
      const taken = await Promise.allSettled(Array.from({ length: 8 }, () => Lock.take(path)));
      const winners = taken.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
      const refused = taken.flatMap((one) => (one.status === 'rejected' ? (one.reason as unknown) : []));
      expect(winners).toHaveLength(1);
      refused.forEach((error) => expect(error).toBeInstanceOf(LockHeld));
      await winners[0]?.release();
    }
  });

  it('is taken from a process that is over, and from one with a recycled pid', async () => {
    const child = spawn('sleep', ['300']);
    const pid = child.pid ?? 0;
    const started = findProcess(pid)?.started ?? '';
    await writeFile(path, JSON.stringify({ pid, started, nonce: NONCE }));
    await expect(Lock.take(path)).rejects.toMatchObject({ pid });
    await writeFile(path, JSON.stringify({ pid, started: `${started}0`, nonce: NONCE }));
    await (await Lock.take(path)).release();
    await writeFile(path, JSON.stringify({ pid, started, nonce: NONCE }));
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await Lock.take(path)).release();
  });

  it('is taken over a file that a crash cut short', async () => {
    await writeFile(path, '{"pid":');
    await (await Lock.take(path)).release();
  });

  it('is taken over although somebody died while taking it over', async () => {
    await writeFile(path, JSON.stringify({ pid: 1, started: 'long ago', nonce: NONCE }));
    await writeFile(`${path}.after.${NONCE}`, JSON.stringify({ pid: 1, started: 'long ago', nonce: NONCE }));
    await (await Lock.take(path)).release();
    expect(await readdir(directory)).toEqual([]);
  });

  it('does not release what somebody else has by now', async () => {
    const lock = await Lock.take(path);
    await writeFile(path, '{"pid":1,"started":"x","nonce":"00000000-0000-4000-8000-000000000001"}');
    await lock.release();
    expect(await readFile(path, 'utf8')).toContain('00000001');
  });
});
