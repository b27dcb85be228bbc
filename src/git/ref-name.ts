import { isUtf8 } from 'node:buffer';

// In UTF-8 a character begins with one of these bytes and goes on with as many of the others as the first one says.
const CHARACTER = /[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}/y;

/**
 * The name of a reference as text. Git takes any bytes for a name, JSON only text: a byte that belongs to no character
 * becomes `\xNN`. No two names become the same, as git allows no backslash in them.
 */
export function refNameOf(bytes: Buffer): string {
  return textOf(bytes) ?? piecesOf(bytes.toString('latin1')).join('');
}

function piecesOf(latin1: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < latin1.length;) {
    CHARACTER.lastIndex = at;
    const found = CHARACTER.exec(latin1)?.[0];
    const character = found === undefined ? null : textOf(Buffer.from(found, 'latin1'));
    pieces.push(character ?? `\\x${latin1.charCodeAt(at).toString(16).padStart(2, '0')}`);
    at += character === null ? 1 : (found?.length ?? 1);
  }
  return pieces;
}

/** Null when the bytes are no UTF-8: halves of surrogate pairs and needlessly long forms among them. */
const textOf = (bytes: Buffer): string | null => (isUtf8(bytes) ? bytes.toString('utf8') : null);
