/** A commit as Git stores it. */
export interface CommitObject {
  sha: string;
  parents: string[];
  author_name: string;
  author_email: string;
  authored_at: Date;
  committer_name: string;
  committer_email: string;
  /** When it was committed: the instant that histories are ordered by. */
  committed_at: Date;
  message: string;
}

// Names and addresses are of any length; nobody reads more than this of one, in UTF-16 units.
const MAX_NAME = 1000;
// Room for a date and its offset at the end of a line, with zeros to spare.
const DATE_ROOM = 64;
const DATE = / (-?\d{1,15})(?: [+-]\d{1,40})?$/;
// The last instant that a JavaScript date can hold; commits may claim any.
const LAST_INSTANT = 8_640_000_000_000;

/**
 * Parses the content of a commit object. Never throws: bytes that are no text become replacement characters, what
 * is missing is empty. Content that was cut short gives a message that ends at a whole character.
 */
export function parseCommit(sha: string, content: Buffer): CommitObject {
  const end = content.indexOf('\n\n');
  const headers = headersOf(end < 0 ? content : content.subarray(0, end));
  const decode = decoderFor(headers.find(([key]) => key === 'encoding')?.[1].toString('latin1'));
  const person = (key: string): Person =>
    personOf(decode(headers.find(([name]) => name === key)?.[1] ?? Buffer.alloc(0)));
  const author = person('author');
  const committer = person('committer');
  return {
    sha,
    parents: headers.filter(([key]) => key === 'parent').map(([, value]) => value.toString('latin1')),
    author_name: author.name,
    author_email: author.email,
    authored_at: author.at,
    committer_name: committer.name,
    committer_email: committer.email,
    committed_at: committer.at,
    message: end < 0 ? '' : decode(content.subarray(end + 2)),
  };
}

interface Person {
  name: string;
  email: string;
  at: Date;
}

/**
 * Reads `name <email> seconds offset`. By places, not by one pattern: anybody who can push writes this line, and a
 * pattern that tries every bracket against every number takes seconds for 64 KiB of them.
 */
function personOf(line: string): Person {
  const close = line.indexOf('>', line.indexOf('<') + 1);
  const open = line.lastIndexOf('<', close);
  if (open < 0 || close < open) return { name: '', email: '', at: instant(0) };
  const date = line.slice(line.lastIndexOf('>') + 1).trimEnd();
  return {
    name: shortened(line.slice(0, open)),
    email: shortened(line.slice(open + 1, close)),
    at: instant(DATE.exec(date.slice(-DATE_ROOM))?.[1]),
  };
}

// Half a surrogate pair at the place of the cut would be no text.
const shortened = (text: string): string =>
  text
    .trim()
    .slice(0, MAX_NAME)
    .replace(/[\ud800-\udbff]$/, '');

/** Header lines by key; lines that begin with a blank belong to the header before (signatures) and are left out. */
function headersOf(bytes: Buffer): (readonly [string, Buffer])[] {
  const headers: (readonly [string, Buffer])[] = [];
  for (let at = 0; at < bytes.length;) {
    const next = bytes.indexOf(0x0a, at);
    const line = bytes.subarray(at, next < 0 ? bytes.length : next);
    const space = line.indexOf(0x20);
    if (space > 0) headers.push([line.toString('latin1', 0, space), line.subarray(space + 1)]);
    at = next < 0 ? bytes.length : next + 1;
  }
  return headers;
}

export const instant = (seconds: string | number | undefined): Date => {
  const value = Number(seconds ?? 0);
  return new Date(Math.max(-LAST_INSTANT, Math.min(LAST_INSTANT, value)) * 1000);
};

/** The decoder for a commit's `encoding` header; UTF-8 where that is absent or unknown. */
function decoderFor(label = 'utf-8'): (bytes: Buffer) => string {
  // In stream mode a character that is cut off at the end is left out instead of replaced.
  const decode = (encoding: string) => (bytes: Buffer) => new TextDecoder(encoding).decode(bytes, { stream: true });
  try {
    new TextDecoder(label);
    return decode(label);
  } catch {
    // A label that is not known.
    return decode('utf-8');
  }
}
