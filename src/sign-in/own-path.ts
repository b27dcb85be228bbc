const LONGEST = 2048;
/** More layers of escapes than any honest address has. */
const MOST_LAYERS = 4;
const NOWHERE = 'http://own.invalid';

/**
 * Whether the text is a path of this installation, to the letter and however often somebody on the way unescapes it.
 * Browsers take `//x` and `/\x` for the address of another host, and drop tabs and line ends before they look.
 */
export function isOwnPath(text: string): boolean {
  if (text.length > LONGEST) return false;
  let layer = text;
  for (let depth = 0; depth < MOST_LAYERS; depth++) {
    if (!staysHere(layer)) return false;
    const next = unescaped(layer);
    // A stray `%` within an escaped query is data, but the path itself must be one that can be read.
    if (next === null) return depth > 0;
    if (next === layer) return true;
    layer = next;
  }
  return false;
}

function staysHere(path: string): boolean {
  if (!/^\/(?![/\\])[^\\]*$/.test(path) || hasControls(path) || !path.isWellFormed()) return false;
  if (!URL.canParse(path, NOWHERE)) return false;
  const { origin, pathname } = new URL(path, NOWHERE);
  // `/.//x` becomes `//x` once the dots are gone.
  return origin === NOWHERE && !pathname.startsWith('//');
}

const hasControls = (text: string): boolean => /[\p{Cc}\p{Zl}\p{Zp}]/u.test(text);

function unescaped(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
