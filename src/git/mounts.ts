import { readFile } from 'node:fs/promises';
import type { BytePath } from './byte-path.js';

const MOUNTS = '/proc/self/mountinfo';
/** The field that says where something is mounted (proc(5)). */
const PLACE = 4;

/** Where disks and other directories are mounted, on systems that tell. */
export async function mountPoints(): Promise<BytePath[]> {
  return mountPointsIn(await readFile(MOUNTS).catch(() => Buffer.alloc(0)));
}

/** The same of what the system says: blanks, line feeds and backslashes in it are three octal digits each. */
export function mountPointsIn(text: Buffer): BytePath[] {
  const lines = text.toString('latin1').split('\n');
  const places = lines.map((line) => line.split(' ')[PLACE]).filter((place) => place !== undefined);
  const plain = (place: string): string =>
    place.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
  return places.map((place) => Buffer.from(plain(place), 'latin1'));
}
