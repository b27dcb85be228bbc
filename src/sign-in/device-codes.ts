import { createHmac, randomBytes, randomInt } from 'node:crypto';

/** Consonants alone: no words come about by chance, and nothing looks like a digit (RFC 8628 §6.1). */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';
const LENGTH = 8;
const USER_CODE = new RegExp(`^[${ALPHABET}]{${String(LENGTH)}}$`);

/** What the device holds, with 256 random bits. */
export const newDeviceCode = (): string => `myd_${randomBytes(32).toString('base64url')}`;

/** What the person types, with 34 random bits: `WDJBMJHT`. */
export const newUserCode = (): string =>
  Array.from({ length: LENGTH }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');

/** As it is shown: `WDJB-MJHT`. */
export const shownUserCode = (code: string): string => `${code.slice(0, LENGTH / 2)}-${code.slice(LENGTH / 2)}`;

/** The code that was meant, whatever its case, blanks and punctuation; null when it cannot be one. */
export function readUserCode(typed: string): string | null {
  const code = typed.toUpperCase().replace(/[\s\p{P}]/gu, '');
  return USER_CODE.test(code) ? code : null;
}

/**
 * How a user code is kept. All codes there are can be hashed within seconds, so without the secret of the server the
 * hash must tell nothing.
 */
export const hashOfUserCode = (code: string, secret: string): Buffer =>
  createHmac('sha256', secret).update(`device user code ${code}`).digest();
