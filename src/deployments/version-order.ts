import { createHash } from 'node:crypto';
import { brokenCursor, cursorParts, isCursorId, isCursorTime } from '../http/page.js';

/** The place of a deployment in the lists, newest version first. */
export interface VersionPlace {
  /** With microseconds, as PostgreSQL gives it. Always of the same length, so that texts are in the order of times. */
  at: string;
  /** Tells versions of one instant apart, in hexadecimal digits. */
  key: string;
  id: string;
}

const MAX_KEY_BYTES = 240;
const DIGITS_OF_A_NUMBER = 10;
// What times of lists can say. Git lets a tag claim any.
const FIRST = new Date('0001-01-01T00:00:00.000Z');
const LAST = new Date('9999-12-31T23:59:59.999Z');

/**
 * Versions by their numbers: `v1.10` is after `v1.9`, and `v1.0.0` after its pre-release `v1.0.0-rc.1`, which often is
 * the same commit and so of the same instant.
 */
export function versionKey(version: string): string {
  const padded = version.replace(/\d+/g, (digits) => digits.padStart(DIGITS_OF_A_NUMBER, '0'));
  return Buffer.from(`${padded}.`, 'utf8').subarray(0, MAX_KEY_BYTES).toString('hex');
}

/** The time of a version in the lists; what has none comes last. */
export function placeTime(at: Date | null): string {
  const within = at === null || at < FIRST ? FIRST : at > LAST ? LAST : at;
  return within.toISOString().replace('Z', '000Z');
}

/** Newest first. */
export function byVersion(one: VersionPlace, other: VersionPlace): number {
  return compare(other.at, one.at) || compare(other.key, one.key) || compare(other.id, one.id);
}

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

export const placeParts = ({ at, key, id }: VersionPlace): readonly string[] => [at, key, id];

/** Throws InvalidInput for anything that `placeParts` did not make. */
export function readPlace(cursor: string | undefined): VersionPlace | null {
  if (cursor === undefined) return null;
  const [at, key, id, ...more] = cursorParts(cursor);
  if (isCursorTime(at) && isKey(key) && isCursorId(id) && more.length === 0) return { at, key, id };
  throw brokenCursor();
}

const isKey = (part: unknown): part is string =>
  typeof part === 'string' && /^(?:[0-9a-f]{2})*$/.test(part) && part.length <= 2 * MAX_KEY_BYTES;

/**
 * The id of a tag as a deployment that nobody has recorded: the same whenever it is asked for, and another one once the
 * tag leads elsewhere. A UUID of version 8 (RFC 9562) that ends in a hash and begins with the end of the repository's.
 */
export function tagId(repositoryId: string, version: string, commitSha: string | null): string {
  const hash = createHash('sha256')
    .update([repositoryId, commitSha ?? '', version].join('\0'))
    .digest('hex');
  const start = repositoryId.slice(-12);
  const variant = '89ab'[Number.parseInt(hash.charAt(3), 16) % 4] ?? '8';
  return `${start.slice(0, 8)}-${start.slice(8)}-8${hash.slice(0, 3)}-${variant}${hash.slice(4, 7)}-${hash.slice(7, 19)}`;
}

/** Whether the id may be that of a tag of the repository. */
export const mayBeTagOf = (id: string, repositoryId: string): boolean =>
  isTagId(id) && id.slice(0, 13).replace('-', '') === repositoryId.slice(-12);

/** Rows have ids of version 7, but for those whose tag was known by its own before. */
export const isTagId = (id: string): boolean => id.charAt(14) === '8';
