import { stripVTControlCharacters } from 'node:util';

/** Text fit for a field of the API: no colours, no NUL, no half of a surrogate pair, at most `longest` UTF-16 units. */
export function plainText(text: string, longest: number): string {
  // Cut first (with room for what goes away) so that an enormous text costs no more than a long one.
  const plain = stripVTControlCharacters(text.slice(0, longest * 4)).replaceAll('\0', '\uFFFD');
  const cut = plain.length > longest ? `${plain.slice(0, longest - 1)}…` : plain;
  // UTF-8 has no form for half a pair: the way there and back replaces it.
  return Buffer.from(cut, 'utf8').toString('utf8');
}
