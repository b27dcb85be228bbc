import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { codeOf } from './error-code.js';
import type { BytePath } from './byte-path.js';

/** What means that there is no plain file: nothing, a link, a directory, or a pipe. */
const NO_FILE = ['ENOENT', 'ELOOP', 'ENOTDIR', 'EISDIR', 'ENXIO'];

/**
 * At most `most` bytes of a plain file of somebody else's, or null when there is none; links are not followed. Throws what
 * the disk says where there is one that cannot be read.
 */
export async function readPlainFile(path: BytePath | string, most: number): Promise<Buffer | null> {
  // A pipe would be waited for.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: unknown) => {
    if (NO_FILE.includes(codeOf(error))) return null;
    throw error;
  });
  if (file === null) return null;
  try {
    const status = await file.stat();
    if (!status.isFile()) return null;
    // It may grow while it is read; what it has grown to then is not waited for.
    const length = Math.min(most, status.size);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
