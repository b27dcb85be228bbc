import type { Ends } from './byte-source.js';
import { claimedSecond, instantOf } from './commit-time.js';
import { shownBytes, shownText } from './shown-bytes.js';

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
  /** Of a long one the beginning and the end, where its trailers are; a line between the two says how much is missing. */
  message: string;
  /** Whether parents, or a part of the message, were left out. */
  truncated: boolean;
}

/** Of a commit object this much from its beginning, and of what is behind it this much from its end. */
export const KEPT_OF_A_COMMIT = { begin: 4 * 1024 * 1024, end: 16 * 1024 };

const MOST_PARENTS = 4096;
const KEPT_OF_A_MESSAGE = { begin: 48 * 1024, end: 16 * 1024 };
// Names and addresses are of any length; nobody reads more than this of one, in UTF-16 units.
const MAX_NAME = 1000;
// No character takes more.
const BYTES_OF_A_UNIT = 4;
// Room for a date at the beginning of a line, with zeros to spare.
const DATE_ROOM = 100;
const NOBODY: Person = { name: '', email: '', at: instantOf(0) };

/**
 * Parses the content of a commit object. Never throws: what is missing is empty. Bytes of people that are no text are
 * told as `\xNN`; in a message they become replacement characters.
 */
export function parseCommit(sha: string, content: Ends): CommitObject {
  const { begin } = content;
  const end = begin.indexOf('\n\n');
  const headers = headersOf(end < 0 ? begin : begin.subarray(0, end));
  const decode = decoderFor(headers.encoding?.toString('latin1'));
  const author = personOf(headers.author, decode);
  const committer = personOf(headers.committer, decode);
  const { text, cut } = messageOf(end < 0 ? null : { ...content, begin: begin.subarray(end + 2) }, decode);
  return {
    sha,
    parents: headers.parents.slice(0, MOST_PARENTS),
    author_name: author.name,
    author_email: author.email,
    authored_at: author.at,
    committer_name: committer.name,
    committer_email: committer.email,
    committed_at: committer.at,
    message: text,
    truncated: cut || content.left_out > 0 || headers.parents.length > MOST_PARENTS,
  };
}

interface Person {
  name: string;
  email: string;
  at: Date;
}

/** A header line as text in which its brackets stand, and any part of it decoded. */
interface Line {
  text: string;
  part: (from: number, to: number) => string;
}

/**
 * Reads `name <email> seconds offset`. By places, not by one pattern: anybody who can push writes this line, and a
 * pattern that tries every bracket against every number takes seconds for 64 KiB of them.
 */
function personOf(bytes: Buffer | null, decode: Decoder): Person {
  if (bytes === null) return NOBODY;
  const { text, part } = lineOf(bytes, decode);
  const close = text.indexOf('>', text.indexOf('<') + 1);
  const open = text.lastIndexOf('<', close);
  if (open < 0 || close < open) return NOBODY;
  const date = text.slice(text.lastIndexOf('>') + 1).trimStart();
  return {
    name: part(0, open),
    email: part(open + 1, close),
    at: instantOf(claimedSecond(/^-?\d+/.exec(date.slice(0, DATE_ROOM))?.[0] ?? '')),
  };
}

/** In UTF-8 brackets are where their bytes are; other encodings may use the same bytes for parts of characters. */
function lineOf(bytes: Buffer, decode: Decoder): Line {
  const decoded = decode.isUtf8 ? null : decode.strictly(bytes);
  if (decoded !== null) return { text: decoded, part: (from, to) => shortened(shownText(decoded.slice(from, to))) };
  return { text: bytes.toString('latin1'), part: (from, to) => personName(bytes.subarray(from, to)) };
}

/** The name of somebody as text; the end of a long one is an ellipsis. */
export function personName(bytes: Buffer, max = MAX_NAME): string {
  let start = 0;
  while (bytes[start] === 0x20) start += 1;
  // One more character than there is room for tells that it is long.
  return shortened(shownBytes(bytes.subarray(start, start + BYTES_OF_A_UNIT * (max + 1))), max);
}

function shortened(text: string, max = MAX_NAME): string {
  const trimmed = text.trim();
  // Half a surrogate pair at the place of the cut would be no text.
  return trimmed.length <= max ? trimmed : `${trimmed.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

function messageOf(content: Ends | null, decode: Decoder): { text: string; cut: boolean } {
  if (content === null) return { text: '', cut: false };
  const { begin, end, left_out } = content;
  const most = KEPT_OF_A_MESSAGE.begin + KEPT_OF_A_MESSAGE.end;
  if (left_out === 0 && begin.length + end.length <= most)
    return { text: decode.loosely(Buffer.concat([begin, end])), cut: false };
  const first = begin.subarray(0, KEPT_OF_A_MESSAGE.begin);
  const rest = Buffer.concat([begin.subarray(first.length).subarray(-KEPT_OF_A_MESSAGE.end), end]);
  // It goes on with a whole line where there is one.
  const tail = rest.subarray(-KEPT_OF_A_MESSAGE.end);
  const last = tail.subarray(tail.indexOf(LINE_FEED) + 1);
  const missing = begin.length + left_out + end.length - first.length - last.length;
  const mark = `[... ${String(missing)} bytes of this message are left out here ...]`;
  return { text: `${decode.loosely(first)}\n\n${mark}\n\n${decode.loosely(last)}`, cut: true };
}

const LINE_FEED = 0x0a;

interface Headers {
  parents: string[];
  author: Buffer | null;
  committer: Buffer | null;
  encoding: Buffer | null;
}

/** The first of each; lines that begin with a blank belong to the header before (signatures) and are left out. */
function headersOf(bytes: Buffer): Headers {
  const headers: Headers = { parents: [], author: null, committer: null, encoding: null };
  for (let at = 0; at < bytes.length;) {
    const next = bytes.indexOf(LINE_FEED, at);
    const line = bytes.subarray(at, next < 0 ? bytes.length : next);
    const space = line.indexOf(0x20);
    const key = space > 0 && space < 10 ? line.toString('latin1', 0, space) : '';
    // One more than are told says that there are more.
    if (key === 'parent' && headers.parents.length <= MOST_PARENTS)
      headers.parents.push(line.toString('latin1', space + 1));
    else if (key === 'author' || key === 'committer' || key === 'encoding') headers[key] ??= line.subarray(space + 1);
    at = next < 0 ? bytes.length : next + 1;
  }
  return headers;
}

interface Decoder {
  isUtf8: boolean;
  /** Null for what is no text in the encoding. */
  strictly: (bytes: Buffer) => string | null;
  /** With replacement characters for what is no text; a character that is cut off at the end is left out. */
  loosely: (bytes: Buffer) => string;
}

/** The decoder for a commit's `encoding` header; UTF-8 where that is absent or unknown. */
function decoderFor(label = 'utf-8'): Decoder {
  try {
    const { encoding } = new TextDecoder(label);
    return {
      isUtf8: encoding === 'utf-8',
      strictly: (bytes) => {
        try {
          return new TextDecoder(encoding, { fatal: true }).decode(bytes);
        } catch {
          return null;
        }
      },
      loosely: (bytes) => new TextDecoder(encoding).decode(bytes, { stream: true }),
    };
  } catch {
    // A label that is not known.
    return decoderFor();
  }
}
