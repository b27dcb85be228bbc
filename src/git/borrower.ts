import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from './error-code.js';

const CONFIG = '[core]\nrepositoryformatversion = 0\nbare = true\n';

/**
 * Makes a bare repository without references, which reads the objects of a mirror, and of further folders, and writes its
 * own. One that is there is brought up to date.
 */
export async function makeBorrower(directory: string, mirror: string, more: readonly string[] = []): Promise<void> {
  await mkdir(join(directory, 'objects/info'), { recursive: true, mode: 0o700 });
  await mkdir(join(directory, 'objects/pack'), { recursive: true });
  await mkdir(join(directory, 'refs'), { recursive: true });
  await writeFile(join(directory, 'config'), CONFIG);
  await writeFile(join(directory, 'HEAD'), 'ref: refs/heads/none\n');
  const objects = [join(mirror, 'objects'), ...more];
  await writeFile(join(directory, 'objects/info/alternates'), objects.map((path) => `${path}\n`).join(''));
  await borrowShallow(directory, mirror);
}

/** Says where the history of the mirror is cut off: to git the commits behind that would be missing. */
async function borrowShallow(directory: string, mirror: string): Promise<void> {
  try {
    await copyFile(join(mirror, 'shallow'), join(directory, 'shallow'));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await rm(join(directory, 'shallow'), { force: true });
  }
}
