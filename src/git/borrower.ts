import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const CONFIG = '[core]\nrepositoryformatversion = 0\nbare = true\n';

/** Makes a bare repository without references, which reads objects of other places and writes its own. */
export async function makeBorrower(directory: string, objects: readonly string[]): Promise<void> {
  await mkdir(join(directory, 'objects/info'), { recursive: true, mode: 0o700 });
  await mkdir(join(directory, 'refs'), { recursive: true });
  await writeFile(join(directory, 'config'), CONFIG);
  await writeFile(join(directory, 'HEAD'), 'ref: refs/heads/none\n');
  await writeFile(join(directory, 'objects/info/alternates'), objects.map((path) => `${path}\n`).join(''));
}
