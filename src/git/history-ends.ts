import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const hashOf = (content: Buffer | string): string =>
  createHash('sha256').update(content).digest('hex').slice(0, 32);

/**
 * Where the histories of a mirror end, as a mark: a shallow one may go on one day, and what is known of histories that
 * end elsewhere has nothing to do with it.
 */
export async function endsOf(directory: string): Promise<string> {
  return hashOf(await readFile(join(directory, 'shallow')).catch(() => ''));
}
