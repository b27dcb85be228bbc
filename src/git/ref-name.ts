import { ESCAPED_BYTE, shownBytes } from './shown-bytes.js';

// The rules of git-check-ref-format(1), which leave no room for revision syntax.
const FORBIDDEN = /[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|\/\.|^[/.]|[/.]$|\.lock(\/|$)/;
/** No file system has room for a longer name. */
const MOST_NAME = 4096;

/** The name of a reference as text. A byte that is no text is told as `\xNN`: git allows no backslash in names. */
export const refNameOf = (bytes: Buffer): string => shownBytes(bytes);

/** Whether the text, as names are shown, can be the name of a reference. */
export function isRefName(text: string): boolean {
  const plain = text.replace(ESCAPED_BYTE, 'x');
  return plain !== '' && plain !== '@' && plain.length <= MOST_NAME && !FORBIDDEN.test(plain);
}
