const UNITS: readonly (readonly [RegExp, number])[] = [
  [/^(?:ms|msecs?|milliseconds?)$/i, 0.001],
  [/^(?:s|secs?|seconds?)$/i, 1],
  [/^(?:m|mins?|minutes?)$/i, 60],
  [/^(?:h|hrs?|hours?)$/i, 3600],
  [/^(?:d|days?)$/i, 86_400],
  [/^weeks?$/i, 604_800],
];

const BEFORE =
  /\b(?:(?:try again|retry|retrying|resets?|available(?: again)?|wait)\s+(?:(?:in|after|for)\s+)?(?:about\s+|approximately\s+|~\s*)?|retryDelay"?\s*:\s*"?)/gi;
const PART = /(\d+(?:\.\d+)?)\s*([a-z]+)/iy;
const BETWEEN = /\s*,?\s*(?:and\s+)?/iy;
const WORDS = /(?:less than )?(?:a|an|one) (second|minute|hour|day)\b/iy;
/** The header, which counts seconds (RFC 9110, 10.2.3), as some put it into their message. */
const HEADER = /\bretry-after"?\s*[:=]\s*"?(\d+)(?![\d.:]|\s*[a-z])/i;

/**
 * In how many seconds, where a message tells it as a length of time: `in 646ms`, `after 2h13m5s`, `in 1 day 2 hours`. Null
 * when it tells none, or one that cannot be read to its end: half of it would be another time.
 */
export function spanIn(message: string): number | null {
  for (const { index, 0: words } of message.matchAll(BEFORE)) {
    const span = spanAt(message, index + words.length);
    if (span !== null) return span;
  }
  const header = HEADER.exec(message)?.[1];
  return header === undefined ? null : Number(header);
}

function spanAt(text: string, start: number): number | null {
  const word = matchAt(WORDS, text, start)?.[1];
  if (word !== undefined) return secondsOf(word);
  let total: number | null = null;
  for (let place = start; ;) {
    const part = matchAt(PART, text, place);
    // `1h5` has lost what it counts.
    if (part === null) return /\d/.test(text[place] ?? '') ? null : total;
    const [whole, amount, unit = ''] = part;
    const seconds = secondsOf(unit);
    if (seconds === null) return null;
    total = (total ?? 0) + Number(amount) * seconds;
    place += whole.length;
    place += matchAt(BETWEEN, text, place)?.[0].length ?? 0;
  }
}

/** A single capital may be another unit: `M` is a month to some. */
const secondsOf = (unit: string): number | null =>
  /^[A-Z]$/.test(unit) ? null : (UNITS.find(([name]) => name.test(unit))?.[1] ?? null);

export function matchAt(pattern: RegExp, text: string, place: number): RegExpExecArray | null {
  pattern.lastIndex = place;
  return pattern.exec(text);
}
