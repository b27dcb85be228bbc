/** Where a text that PostgreSQL or JSON cannot carry stands, and what is wrong with it. */
export interface UncleanText {
  field: string;
  what: 'a NUL character' | 'half of a surrogate pair';
}

/** The first text, also among keys, that holds NUL (PostgreSQL cannot store it) or a lone surrogate; null if none. */
export function uncleanText(value: unknown, field = ''): UncleanText | null {
  if (typeof value === 'string') {
    if (value.includes('\u0000')) return { field, what: 'a NUL character' };
    return value.isWellFormed() ? null : { field, what: 'half of a surrogate pair' };
  }
  if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) {
      const found = uncleanText(item, `${field}[${String(at)}]`);
      if (found) return found;
    }
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, item] of Object.entries(value)) {
    const name = field === '' ? key : `${field}.${key}`;
    const found = uncleanText(key, field) ?? uncleanText(item, name);
    if (found) return found;
  }
  return null;
}

/** The text with NUL and lone surrogates replaced by U+FFFD. */
export const cleanText = (text: string): string => text.toWellFormed().replaceAll('\u0000', '\ufffd');
