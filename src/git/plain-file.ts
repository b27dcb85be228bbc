import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { codeOf } from './error-code.js';
import type { BytePath } from './byte-path.js';

/** What means that there is no plain file: nothing, a link, a directory, a pipe, or one that may not be read. */
const NO_FILE = ['ENOENT', 'ELOOP', 'ENOTDIR', 'EISDIR', 'ENXIO', 'EACCES'];

/** At most `most` bytes of a plain file of somebody else's, or null when there is none; links are not followed. */
export async function readPlainFile(path: BytePath | string, most: number): Promise<Buffer | null> {
  // A pipe would be waited for.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: unknown) => {
    if (NO_FILE.includes(codeOf(error))) return null;
    throw error;
  });
  if (file === null) return null;
  try {
    if (!(await file.stat()).isFile()) return null;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(most), 0, most, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
