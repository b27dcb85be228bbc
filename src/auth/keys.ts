import { createHash, randomBytes, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * `myk_` is an API key or the one with which workers register, `myw_` is one worker's token, `myc_` one coordinator's,
 * `myj_` lets a machine join.
 */
export type KeyPrefix = 'myk_' | 'myw_' | 'myc_' | 'myj_';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM_CHARACTERS = 40;
const CHECKSUM_CHARACTERS = 6;
const SHOWN_CHARACTERS = 8;
const KEY = /^my[cjkw]_[0-9A-Za-z]{46}$/;
const REFRESH_TOKEN = /^myr_[A-Za-z0-9_-]{43}$/;

/** A new key: prefix, 238 random bits in base 62, and the CRC-32 of both. `scripts/secrets.mjs` makes the same. */
export function newKey(prefix: KeyPrefix): string {
  const body = prefix + Array.from({ length: RANDOM_CHARACTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return body + checksum(body);
}

/** Whether the text has the form and the checksum of a key: typing errors are found without asking the database. */
export const isKey = (text: string): boolean =>
  KEY.test(text) && text.endsWith(checksum(text.slice(0, -CHECKSUM_CHARACTERS)));

/** What may be shown of a key for people to recognize it by. More than 214 random bits stay unknown. */
export const prefixOf = (key: string): string => key.slice(0, SHOWN_CHARACTERS);

/** Whether the text is meant as a key, right or wrong. */
export const looksLikeKey = (text: string): boolean => /^my[cjkw]_/.test(text);

/** A new refresh token. */
export const newRefreshToken = (): string => `myr_${randomBytes(32).toString('base64url')}`;

export const isRefreshToken = (text: string): boolean => REFRESH_TOKEN.test(text);

/** How secrets are kept. Plain SHA-256 is enough for what is random; only passwords need a slow hash. */
export const hashOfSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest();

function checksum(body: string): string {
  let rest = crc32(body);
  let digits = '';
  for (; rest > 0; rest = Math.floor(rest / ALPHABET.length)) digits = ALPHABET.charAt(rest % ALPHABET.length) + digits;
  return digits.padStart(CHECKSUM_CHARACTERS, '0');
}
