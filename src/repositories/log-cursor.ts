import type { CommitPosition } from '../git/commits.service.js';
import { InvalidInput } from '../domain-error.js';

const SHA = /^[0-9a-f]{40}$/;

/** Commits have no UUIDs and whole seconds, so that their cursor is another than that of rows. */
export const writeLogCursor = ({ at, sha }: CommitPosition): string =>
  Buffer.from(JSON.stringify([at, sha])).toString('base64url');

/** Throws InvalidInput for anything `writeLogCursor` did not make. */
export function readLogCursor(cursor: string | undefined): CommitPosition | null {
  if (cursor === undefined) return null;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    const [at, sha] = Array.isArray(parsed) ? (parsed as unknown[]) : [];
    if (Number.isSafeInteger(at) && typeof sha === 'string' && SHA.test(sha)) return { at: at as number, sha };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new InvalidInput('The cursor is not one this server has given out.', [
    { field: 'cursor', message: 'cursor must be the next_cursor of an earlier answer' },
  ]);
}
