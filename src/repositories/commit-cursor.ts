import type { CommitPosition } from '../git/commit-position.js';
import { brokenCursor, cursorParts } from '../http/page.js';

const SHA = /^[0-9a-f]{40}$/;
const MOST_DEPTH = 2 ** 32 - 1;

/** Commits have no UUIDs and whole seconds, so that their cursor is another than that of rows. */
export const writeCommitCursor = ({ at, depth, sha }: CommitPosition): string =>
  Buffer.from(JSON.stringify([at, depth, sha])).toString('base64url');

/** Throws InvalidInput for anything `writeCommitCursor` did not make. */
export function readCommitCursor(cursor: string | undefined): CommitPosition | null {
  if (cursor === undefined) return null;
  const [at, depth, sha, ...more] = cursorParts(cursor);
  if (!isCount(at) || !isCount(depth, MOST_DEPTH) || typeof sha !== 'string' || !SHA.test(sha) || more.length > 0)
    throw brokenCursor();
  return { at, depth, sha };
}

const isCount = (part: unknown, most = Number.MAX_SAFE_INTEGER): part is number =>
  Number.isSafeInteger(part) && (part as number) >= 0 && (part as number) <= most;
