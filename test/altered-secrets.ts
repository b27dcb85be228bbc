import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Variants } from './forger.js';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const CHECKSUM_CHARACTERS = 6;
const PREFIXES = ['myk_', 'myw_', 'myc_', 'myr_', 'myd_', 'myj_', 'MYK_', 'myk-', 'my_', ''];

/** Texts that are nearly an opaque secret: typing errors, other cases, other forms, and other prefixes. */
export function alteredSecrets(secret: string): Variants {
  const [prefix, body] = [secret.slice(0, 4), secret.slice(4)];
  const hash = createHash('sha256').update(secret).digest();
  const each = [...secret].map((character, at) => ({ character, at }));
  const replaced = (at: number, by: string): string => secret.slice(0, at) + by + secret.slice(at + 1);
  const code = (character: string): number => character.charCodeAt(0);
  const variants: Variants = [
    ...each.flatMap(({ character, at }) =>
      Array.from({ length: 8 }, (_, bit): [string, string] => [
        `bit ${String(bit)} of character ${String(at)}`,
        replaced(at, String.fromCharCode(code(character) ^ (1 << bit))),
      ]),
    ),
    ...each.map(({ at }): [string, string] => [`character ${String(at)} left out`, replaced(at, '')]),
    ...each.map(({ character, at }): [string, string] => [
      `character ${String(at)} twice`,
      replaced(at, character + character),
    ]),
    ...each.map(({ at }): [string, string] => [
      `characters from ${String(at)} on swapped`,
      secret.slice(0, at) + secret.charAt(at + 1) + secret.charAt(at) + secret.slice(at + 2),
    ]),
    ...each.map(({ at }): [string, string] => [`the first ${String(at)} characters`, secret.slice(0, at)]),
    ['in capitals', prefix + body.toUpperCase()],
    ['in small letters', prefix + body.toLowerCase()],
    ['backwards', prefix + [...body].reverse().join('')],
    ['twice', secret + secret],
    ['body twice', secret + body],
    ['lengthened', `${secret}0`],
    ['in quotes', `"${secret}"`],
    ['in brackets', `<${secret}>`],
    ['percent-encoded', secret.replace('_', '%5f')],
    ['with a comma behind', `${secret},`],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in hexadecimal', Buffer.from(secret).toString('hex')],
    ['its hash in hexadecimal', hash.toString('hex')],
    ['its hash as PostgreSQL writes it', `\\x${hash.toString('hex')}`],
    ['its hash as a secret', prefix + hash.toString('base64url')],
    ['with another letter that looks the same', secret.replace('y', '\u00fd')],
    ...PREFIXES.map((other): [string, string] => [`with the prefix ${other || 'left out'}`, other + body]),
  ];
  return variants.filter(([, text]) => text !== secret);
}

/** What only looks like the key: form and checksum are right, so that only a look at the keys there are can tell. */
export function forgedKeys(key: string): Variants {
  const body = key.slice(0, -CHECKSUM_CHARACTERS);
  const random = (): string => Array.from({ length: body.length - 4 }, randomCharacter).join('');
  return [
    ...[...body]
      .slice(4)
      .map((character, at): [string, string] => [
        `character ${String(at + 4)} changed, with its checksum`,
        withChecksum(body.slice(0, at + 4) + (character === '0' ? '1' : '0') + body.slice(at + 5)),
      ]),
    ...Array.from({ length: 50 }, (_, at): [string, string] => [
      `another body, with its checksum: ${String(at)}`,
      withChecksum(body.slice(0, 4) + random()),
    ]),
    ...PREFIXES.map((prefix): [string, string] => [
      `the prefix ${prefix || 'left out'}, with its checksum`,
      withChecksum(prefix + body.slice(4)),
    ]),
    ['the checksum of another', body + withChecksum(body.slice(0, 4) + random()).slice(-CHECKSUM_CHARACTERS)],
  ].filter((variant): variant is [string, string] => variant[1] !== key);
}

/** The text with the checksum that keys end in, worked out apart from the server's own. */
export function withChecksum(body: string): string {
  let digits = '';
  for (let rest = crc32(body); rest > 0; rest = Math.floor(rest / ALPHABET.length))
    digits = ALPHABET.charAt(rest % ALPHABET.length) + digits;
  return body + digits.padStart(CHECKSUM_CHARACTERS, '0');
}

const randomCharacter = (): string => ALPHABET.charAt(randomInt(ALPHABET.length));
