/**
 * A commit's place in every list of commits: its committer time in seconds, how many commits lie below it on the
 * longest way to a root, and its id. All three are facts of the commit alone, so that a place stays where it is whatever
 * becomes of branches; and a commit comes before its parent where both are of the same second.
 */
export interface CommitPosition {
  at: number;
  depth: number;
  sha: string;
}

/** Bytes of a position in a file: time, depth and id, such that the order of the bytes is that of the positions. */
export const POSITION_BYTES = 32;

const TIMES = 2 ** 32;

/** Newest first; the order is total. */
export const newestFirst = (a: CommitPosition, b: CommitPosition): number =>
  b.at - a.at || b.depth - a.depth || (a.sha < b.sha ? 1 : a.sha > b.sha ? -1 : 0);

export function writePosition(bytes: Buffer, offset: number, { at, depth, sha }: CommitPosition): void {
  writeOrder(bytes, offset, at, depth);
  bytes.write(sha, offset + 12, 'hex');
}

/** Writes what comes before the id. */
export function writeOrder(bytes: Buffer, offset: number, at: number, depth: number): void {
  bytes.writeUInt32BE(Math.floor(at / TIMES), offset);
  bytes.writeUInt32BE(at % TIMES, offset + 4);
  bytes.writeUInt32BE(depth, offset + 8);
}

export function readPosition(bytes: Buffer, offset: number): CommitPosition {
  return {
    at: bytes.readUInt32BE(offset) * TIMES + bytes.readUInt32BE(offset + 4),
    depth: bytes.readUInt32BE(offset + 8),
    sha: bytes.toString('hex', offset + 12, offset + POSITION_BYTES),
  };
}
