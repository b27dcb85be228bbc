const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** At most `max` UTF-16 units with an ellipsis for the rest, never ending inside of what a reader sees as a character. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  // Only the place of the cut matters, so only its surroundings are segmented.
  const from = Math.max(0, max - 100);
  const start = isLowSurrogate(text.charCodeAt(from)) ? from + 1 : from;
  let end = start;
  for (const { segment, index } of graphemes.segment(text.slice(start, max + 100))) {
    const next = start + index + segment.length;
    if (next > max - 1) break;
    end = next;
  }
  return `${text.slice(0, end)}…`;
}

const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;
