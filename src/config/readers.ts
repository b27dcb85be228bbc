import { isIP } from 'node:net';
import type { Reader } from './variable.js';

/** Any text that is not blank. */
export const text: Reader<string> = (value) => {
  if (value.trim() === '') throw new Error('must not be blank');
  return value;
};

/** A secret of at least 32 bytes. */
export const secret: Reader<string> = (value) => {
  if (Buffer.byteLength(value) < 32) throw new Error('must be at least 32 bytes long');
  return value;
};

/** The form of a registration key; whether its checksum is right, `auth/keys.ts` knows. */
export const registrationKey: Reader<string> = (value) => {
  if (!/^myk_[0-9A-Za-z]{46}$/.test(value)) throw new Error('must be `myk_` and 46 letters or digits');
  return value;
};

/** A whole number in decimal digits. */
export const whole =
  (min: number, max: number): Reader<number> =>
  (value) => {
    const number = Number(value);
    if (!/^\d{1,15}$/.test(value) || number < min || number > max)
      throw new Error(`must be a whole number from ${String(min)} to ${String(max)}`);
    return number;
  };

/** A number of seconds, fractions allowed. */
export const seconds =
  (min: number, max: number): Reader<number> =>
  (value) => {
    const number = Number(value);
    if (!/^\d{1,9}(\.\d{1,3})?$/.test(value) || number < min || number > max)
      throw new Error(`must be a number of seconds from ${String(min)} to ${String(max)}`);
    return number;
  };

/** As another reader, or 0, which stands for never. */
export const orNever =
  (reader: Reader<number>): Reader<number> =>
  (value) => {
    if (value === '0') return 0;
    try {
      return reader(value);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}, or 0`, { cause: error });
    }
  };

/** One of a closed list of words. */
export const oneOf =
  <const T extends string>(...allowed: readonly T[]): Reader<T> =>
  (value) => {
    const found = allowed.find((word) => word === value);
    if (found === undefined) throw new Error(`must be one of ${allowed.join(', ')}`);
    return found;
  };

/** `on` or `off`. */
export const onOff: Reader<boolean> = (value) => oneOf('on', 'off')(value) === 'on';

/** Words separated by commas; blanks around them are dropped. */
export const list: Reader<readonly string[]> = (value) =>
  value
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');

/** Pairs `name=value` separated by commas. */
export const pairs: Reader<Readonly<Record<string, string>>> = (value) => {
  const each = list(value).map((word) => /^([^=\s]+)\s*=\s*(\S.*)$/.exec(word)?.slice(1));
  if (each.some((pair) => pair === undefined))
    throw new Error('must be pairs such as claude=team-a, separated by commas');
  return Object.fromEntries(each as [string, string][]) as Record<string, string>;
};

/** Ports `first-last`, of which agents must be able to use at least one block. */
export const portRange: Reader<{ first: number; last: number }> = (value) => {
  const [first = Number.NaN, last = Number.NaN] = /^(\d{4,5})-(\d{4,5})$/.exec(value)?.slice(1).map(Number) ?? [];
  if (!(first >= 1024 && last <= 65_535 && last - first >= 127))
    throw new Error('must be ports such as 20000-31999, from 1024 to 65535 and at least 128');
  return { first, last };
};

/** A command as a list: words separated by blanks, or a JSON list of texts where one of them holds a blank. */
export const argv: Reader<readonly string[]> = (value) => {
  if (!value.trimStart().startsWith('[')) return value.split(/\s+/).filter((word) => word !== '');
  const items = parsed(value);
  if (!Array.isArray(items) || !items.every((item) => typeof item === 'string' && item !== ''))
    throw new Error('must be words, or a JSON list of texts');
  return items as string[];
};

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return null;
  }
}

const RANGE_WORDS = ['loopback', 'linklocal', 'uniquelocal'];

/** Whether a word names addresses as Express's `trust proxy` knows them: one, a range in CIDR form, or a word for some. */
function isAddressRange(word: string): boolean {
  if (RANGE_WORDS.includes(word)) return true;
  const [address = '', bits, ...more] = word.split('/');
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  if (longest < 0 || address.includes('%') || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= longest);
}

/** Addresses and ranges of addresses, separated by commas. */
export const addresses: Reader<readonly string[]> = (value) => {
  const words = list(value);
  if (!words.every(isAddressRange))
    throw new Error(`must be IP addresses, ranges such as 10.0.0.0/8, or ${RANGE_WORDS.join(', ')}`);
  return words;
};

/** An absolute URL with one of the given schemes. */
export const url =
  (...schemes: readonly string[]): Reader<string> =>
  (value) => {
    const parsed = URL.canParse(value) ? new URL(value) : null;
    if (parsed === null || !schemes.includes(parsed.protocol.slice(0, -1)))
      throw new Error(`must be a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`);
    return value;
  };
