import { isUtf8 } from 'node:buffer';

// In UTF-8 a character begins with one of these bytes and goes on with as many of the others as the first one says.
const CHARACTER = /[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}/y;
/** A byte that is told by its code. */
export const ESCAPED_BYTE = /\\x[89a-f][0-9a-f]/g;
const ESCAPE = /\\x(5c|[89a-f][0-9a-f])/g;

/**
 * Bytes as text. Git takes any for names, paths and people, JSON only text: a byte that belongs to no character becomes
 * `\xNN`. So that no two become the same, a backslash of their own that would look like the beginning of such a code is
 * written as `\x5c`; every other text stays as it is.
 */
export function shownBytes(bytes: Buffer): string {
  const text = textOf(bytes);
  return text === null ? piecesOf(bytes.toString('latin1')).join('') : shownText(text);
}

/** Text that was bytes in another encoding. */
export const shownText = (text: string): string => text.replace(ESCAPE, '\\x5cx$1');

/** The bytes that are shown as this text. */
export function bytesOfShown(text: string): Buffer {
  const parts: Buffer[] = [];
  let done = 0;
  for (const match of text.matchAll(ESCAPE)) {
    parts.push(Buffer.from(text.slice(done, match.index)), Buffer.from(match[1] ?? '', 'hex'));
    done = match.index + match[0].length;
  }
  return Buffer.concat([...parts, Buffer.from(text.slice(done))]);
}

function piecesOf(latin1: string): string[] {
  const pieces: string[] = [];
  let text = '';
  const flush = (): void => {
    pieces.push(shownText(text));
    text = '';
  };
  for (let at = 0; at < latin1.length;) {
    CHARACTER.lastIndex = at;
    const found = CHARACTER.exec(latin1)?.[0];
    const character = found === undefined ? null : textOf(Buffer.from(found, 'latin1'));
    if (character === null) {
      flush();
      pieces.push(`\\x${latin1.charCodeAt(at).toString(16).padStart(2, '0')}`);
    } else text += character;
    at += character === null ? 1 : (found?.length ?? 1);
  }
  flush();
  return pieces;
}

/** Null when the bytes are no UTF-8: halves of surrogate pairs and needlessly long forms among them. */
const textOf = (bytes: Buffer): string | null => (isUtf8(bytes) ? bytes.toString('utf8') : null);
