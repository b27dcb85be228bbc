import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Scratch } from '../../test/scratch-git.js';
import { putAway } from './put-away.js';

let scratch: Scratch;

beforeEach(() => (scratch = new Scratch()));
afterEach(() => scratch.remove());

it('a directory that others still write in is deleted all the same', async () => {
  for (let round = 0; round < 20; round++) {
    const directory = scratch.directory(`view-${String(round)}`);
    let ended = false;
    const write = async (by: number): Promise<void> => {
      for (let at = 0; !ended; at++) {
        const folder = join(directory, `${String(by)}-${String(at)}`);
        await mkdir(folder).catch(() => undefined);
        await writeFile(join(folder, 'file'), 'x').catch(() => undefined);
      }
    };
    const writers = [0, 1, 2].map(write);
    await writeFile(join(directory, 'begun'), 'x');
    const done = await putAway(directory).then(
      () => true,
      (error: unknown) => error,
    );
    ended = true;
    await Promise.all(writers);
    expect({ done, left: existsSync(directory) }).toEqual({ done: true, left: false });
  }
});

it('one that was never made is no failure', async () => {
  await putAway(join(scratch.path, 'none'));
});
