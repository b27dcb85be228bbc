import { InvalidInput } from '../domain-error.js';

const MAX_DEPTH = 64;
/** The exact decimal form of a double has at most 767 significant digits. */
const MOST_DIGITS = 800;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * Parses JSON and refuses what JavaScript would change on the way in or out: numbers without an exact double,
 * duplicate keys (RFC 8259 §4 leaves their meaning open), and nesting deeper than 64.
 * Throws InvalidInput `json/malformed` or `json/not-exact`.
 */
export function parseExactJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch {
    throw new InvalidInput('The body is not valid JSON.', [], 'json/malformed');
  }
  // The text is known to be valid JSON from here on, so the scan below needs no grammar of its own.
  assertExact(text);
  return value;
}

function assertExact(text: string): void {
  // A set of the keys seen for each open object, null for each open array.
  const open: (Set<string> | null)[] = [];
  let keyExpected = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') {
      const end = endOfString(text, at);
      const keys = open.at(-1);
      if (keyExpected && keys) refuseDuplicate(keys, JSON.parse(text.slice(at, end + 1)) as string);
      keyExpected = false;
      at = end;
    } else if (char === '{' || char === '[') {
      open.push(char === '{' ? new Set() : null);
      if (open.length > MAX_DEPTH) throw notExact(`is nested deeper than ${String(MAX_DEPTH)} levels`);
      keyExpected = char === '{';
    } else if (char === '}' || char === ']') {
      open.pop();
      keyExpected = false;
    } else if (char === ',') {
      keyExpected = Boolean(open.at(-1));
    } else if (char === '-' || (char !== undefined && char >= '0' && char <= '9')) {
      NUMBER.lastIndex = at;
      const number = NUMBER.exec(text)?.[0] ?? '';
      if (!isExactNumber(number)) throw notExact(`holds the number ${number.slice(0, 40)}, which has no exact double`);
      at += number.length - 1;
    }
  }
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    at += code === BACKSLASH ? 2 : 1;
  }
}

function refuseDuplicate(keys: Set<string>, key: string): void {
  if (keys.has(key)) throw notExact(`names the key ${JSON.stringify(key.slice(0, 40))} twice in one object`);
  keys.add(key);
}

/** Whether JavaScript gives the same decimal value back: `1.0` does, `9007199254740993`, `1e400` and `-0` do not. */
export function isExactNumber(text: string): boolean {
  const value = Number(text);
  if (!Number.isFinite(value) || Object.is(value, -0)) return false;
  // Most numbers are written as JavaScript writes them, so the long way is rarely gone.
  if (String(value) === text) return true;
  // No double has more significant digits than this; the long way must not be long.
  if (text.length > MOST_DIGITS) return false;
  return canonical(text) === canonical(String(value));
}

/** A decimal number as its significant digits and exponent, so that equal values have equal texts. */
function canonical(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  let end = digits.length;
  // Not by a pattern: one that looks for zeros at the end begins anew at each zero before.
  while (digits[end - 1] === '0') end -= 1;
  const significant = digits.slice(0, end);
  if (significant === '') return '0';
  const scale = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${sign}${significant}e${String(scale)}`;
}

const notExact = (fault: string): InvalidInput => new InvalidInput(`The body ${fault}.`, [], 'json/not-exact');
