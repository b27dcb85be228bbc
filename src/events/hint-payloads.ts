/** PostgreSQL takes payloads of less than 8000 bytes. */
const LONGEST_PAYLOAD = 7500;
/** So many notifications at once are worth it; beyond that, details go first, and then everybody is woken. */
const MOST_PAYLOADS = 16;
const DETAIL = '#';

/** The topic that wakes everybody. */
export const EVERYTHING = '*';

/** A topic together with what a detail is about. */
export const detailed = (topic: string, key: string): string => `${topic}${DETAIL}${key}`;

/** The payloads of the notifications that carry some hints, each as long as PostgreSQL takes. */
export function payloadsOf(hints: readonly string[]): string[] {
  const all = packed(hints);
  if (all.length <= MOST_PAYLOADS) return all;
  const plain = packed(hints.filter((hint) => !hint.includes(DETAIL)));
  return plain.length <= MOST_PAYLOADS ? plain : [EVERYTHING];
}

/** Topic of a hint, and its detail if there is one. */
export function hintOf(hint: string): [topic: string, detail?: string] {
  const at = hint.indexOf(DETAIL);
  return at < 0 ? [hint] : [hint.slice(0, at), hint.slice(at + 1)];
}

function packed(hints: readonly string[]): string[] {
  const payloads: string[] = [];
  let payload = '';
  for (const hint of hints) {
    if (payload !== '' && payload.length + 1 + hint.length > LONGEST_PAYLOAD) {
      payloads.push(payload);
      payload = '';
    }
    payload = payload === '' ? hint : `${payload} ${hint}`;
  }
  return payload === '' ? payloads : [...payloads, payload];
}
