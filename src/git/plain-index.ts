/** What an index says of files that nobody sees by looking at what differs. */
export interface Staged {
  /** Other repositories in the work tree. */
  nested: Buffer[];
  /** Whether there are files that git was told not to look at. */
  hidden: boolean;
}

const HEADER = 12;
const CHECKSUM = 20;
const MODE_AT = 24;
const FLAGS_AT = 60;
const LINK_TO_COMMIT = 0o160000;
const ASSUMED_UNCHANGED = 0x8000;
const EXTENDED = 0x4000;
const LEFT_OUT = 0x4000;
const NAME_LENGTH = 0xfff;

/**
 * Reads an index of the kind that git writes unless it is told otherwise; null of any other (compressed names, split,
 * sparse, or not whole), which git itself is to be asked about. A process less for each work tree that is looked at.
 */
export function readPlainIndex(index: Buffer): Staged | null {
  const end = index.length - CHECKSUM;
  if (end < HEADER || index.toString('latin1', 0, 4) !== 'DIRC') return null;
  const version = index.readUInt32BE(4);
  if (version !== 2 && version !== 3) return null;
  const staged: Staged = { nested: [], hidden: false };
  let at = HEADER;
  for (let left = index.readUInt32BE(8); left > 0; left--) {
    if (at + FLAGS_AT + 4 > end) return null;
    const flags = index.readUInt16BE(at + FLAGS_AT);
    const extended = (flags & EXTENDED) !== 0;
    if (extended && version === 2) return null;
    const name = at + FLAGS_AT + (extended ? 4 : 2);
    const nul = index.indexOf(0, name);
    const length = flags & NAME_LENGTH;
    if (nul < 0 || nul >= end || (length < NAME_LENGTH && nul - name !== length)) return null;
    if ((flags & ASSUMED_UNCHANGED) !== 0 || (extended && (index.readUInt16BE(name - 2) & LEFT_OUT) !== 0))
      staged.hidden = true;
    if (index.readUInt32BE(at + MODE_AT) === LINK_TO_COMMIT) staged.nested.push(index.subarray(name, nul));
    // Filled up with one to eight zeros.
    at += (nul - at + 8) & ~7;
  }
  return knowsAll(index, at, end) ? staged : null;
}

/** Whether all that follows the files are extensions that may be passed over: git writes those with a capital first. */
function knowsAll(index: Buffer, from: number, end: number): boolean {
  let at = from;
  while (at + 8 <= end) {
    const first = index[at] ?? 0;
    if (first < 0x41 || first > 0x5a) return false;
    at += 8 + index.readUInt32BE(at + 4);
  }
  return at === end;
}
