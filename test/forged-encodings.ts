import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { newId } from '../src/ids.js';
import { encode, HEAD, type Forger, type Variants } from './forger.js';

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const PARTS = ['header', 'payload', 'signature'] as const;

/** What must never be taken for the token: another text of the same bytes, parts moved about, any bit turned. */
export const forgedEncodings = (forger: Forger, otherToken: string): Variants => [
  ...parts(forger, otherToken),
  ...rewritten(forger),
  ...signatures(forger),
  ...bits(forger),
];

/** The same bytes as another text (RFC 4648 §3.5): unused bits of the last character are set. */
function reencoded(text: string): string {
  const last = BASE64URL.indexOf(text.at(-1) ?? '');
  const unused = text.length % 4 === 3 ? 3 : 15;
  return text.slice(0, -1) + BASE64URL.charAt(last ^ (last & unused ? 0 : 1));
}

/** Parts left out, doubled and mixed. */
function parts({ header, payload, signature, token, claims }: Forger, otherToken: string): Variants {
  const [, otherPayload = '', otherSignature = ''] = otherToken.split('.');
  return [
    ['no text', ''],
    ['one part', header],
    ['two parts', `${header}.${payload}`],
    ['no signature', `${header}.${payload}.`],
    ['no payload', `${header}..${signature}`],
    ['no header', `.${payload}.${signature}`],
    ['dots alone', '..'],
    ['four parts', `${token}.${signature}`],
    ['five parts, as an encrypted token has', `${token}.${payload}.${signature}`],
    ['a part before', `.${token}`],
    ['a dot behind', `${token}.`],
    ['parts in another order', `${payload}.${header}.${signature}`],
    ['payload and signature swapped', `${header}.${signature}.${payload}`],
    ['backwards', [...token].reverse().join('')],
    ['in capitals', token.toUpperCase()],
    ['twice', token + token],
    ['encoded once more', encode(token)],
    ['as JSON', JSON.stringify({ protected: header, payload, signature })],
    ['in quotes', `"${token}"`],
    ['blank before', ` ${token}`],
    ['newline after', `${token}\n`],
    ['NUL after', `${token}\0`],
    ['a comma and another', `${token},${otherToken}`],
    ['a blank and another', `${token} ${otherToken}`],
    ['signature of another token', `${header}.${payload}.${otherSignature}`],
    ['payload of another token', `${header}.${otherPayload}.${signature}`],
    ['payload changed', `${header}.${encode({ ...claims, sub: newId() })}.${signature}`],
    ['payload of another organization', `${header}.${encode({ ...claims, org: newId() })}.${signature}`],
  ];
}

/** Each part written in another way. Where that is not the signature, once more with one that is right for it. */
function rewritten(forger: Forger): Variants {
  const ways: [string, (part: string) => string][] = [
    ['padded', (part) => part + ('='.repeat((4 - (part.length % 4)) % 4) || '====')],
    ['with a blank in it', (part) => `${part.slice(0, 9)} ${part.slice(9)}`],
    ['with a newline in it', (part) => `${part.slice(0, 9)}\n${part.slice(9)}`],
    ['with a tab behind', (part) => `${part}\t`],
    ['with a foreign character in it', (part) => `${part.slice(0, 9)}!${part.slice(9)}`],
    ['with a comma in it', (part) => `${part.slice(0, 9)},${part.slice(9)}`],
    ['percent-encoded', (part) => `%${part.charCodeAt(0).toString(16)}${part.slice(1)}`],
    ['cut by one character', (part) => part.slice(0, -1)],
    ['cut to half', (part) => part.slice(0, part.length / 2)],
    ['lengthened by A', (part) => `${part}A`],
    ['lengthened by AAAA', (part) => `${part}AAAA`],
  ];
  const { header, payload, signature } = forger;
  const variants = ways.flatMap(([how, rewrite]) =>
    PARTS.flatMap((name): Variants => {
      const changed = { header, payload, signature, [name]: rewrite(forger[name]) };
      const text = `${changed.header}.${changed.payload}`;
      const forged: Variants = [[`${name} ${how}`, `${text}.${changed.signature}`]];
      return name === 'signature' ? forged : [...forged, [`${name} ${how}, signed`, forger.sealed(text)]];
    }),
  );
  // Both alphabets agree on most texts; on this one they do not.
  const unlike = Buffer.from(JSON.stringify({ ...forger.claims, note: '???>>>~~~' })).toString('base64');
  return [
    ...variants,
    ['payload in base64, signed', forger.sealed(`${header}.${unlike}`)],
    ['signature with other unused bits', `${header}.${payload}.${reencoded(signature)}`],
  ];
}

/** Other secrets, other algorithms, and none. */
function signatures(forger: Forger): Variants {
  const { claims, header, payload, secret, signature } = forger;
  const bytes = Buffer.from(signature, 'base64url');
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const unsigned = (alg: string): string => `${encode({ alg, typ: 'JWT' })}.${payload}`;
  const rsa = (alg: string, hash: string): string =>
    `${unsigned(alg)}.${sign(hash, Buffer.from(unsigned(alg)), privateKey).toString('base64url')}`;
  const secrets: [string, string | Buffer][] = [
    ['another secret', 'x'.repeat(44)],
    ['an empty secret', ''],
    ['the secret in capitals', secret.toUpperCase()],
    ['the secret cut by one character', secret.slice(0, -1)],
    ['the secret and a newline', `${secret}\n`],
    ['the secret decoded', Buffer.from(secret, 'base64')],
    ['the word secret', 'secret'],
    ['one NUL', '\0'],
    ['a public key', publicKey.export({ type: 'spki', format: 'pem' }) as string],
    ['the id of the user', String(claims['sub'])],
  ];
  const texts: Variants = [
    ['in base64', bytes.toString('base64')],
    ['in hexadecimal', bytes.toString('hex')],
    ['of zeros', Buffer.alloc(32).toString('base64url')],
    ['at random', randomBytes(32).toString('base64url')],
    ['of the payload alone', forger.sealed(payload).split('.')[1] ?? ''],
  ];
  return [
    ...secrets.map(([name, one]): [string, string] => [
      `signed with ${name}`,
      forger.signed(HEAD, claims, 'sha256', one),
    ]),
    ...texts.map(([name, text]): [string, string] => [`signature ${name}`, `${header}.${payload}.${text}`]),
    ['signed with SHA-1', forger.signed(HEAD, claims, 'sha1')],
    ['signed with SHA-512', forger.signed(HEAD, claims, 'sha512')],
    ...['none', 'None', 'NONE', 'nOnE', 'none '].flatMap((alg): Variants => [
      [`algorithm ${alg}`, `${unsigned(alg)}.`],
      [`algorithm ${alg} with the signature`, `${unsigned(alg)}.${signature}`],
      [`algorithm ${alg}, signed`, forger.signed({ ...HEAD, alg }, claims)],
    ]),
    ['algorithm HS384', forger.signed({ ...HEAD, alg: 'HS384' }, claims, 'sha384')],
    ['algorithm HS512', forger.signed({ ...HEAD, alg: 'HS512' }, claims, 'sha512')],
    ['algorithm RS256', rsa('RS256', 'sha256')],
    ['algorithm RS512', rsa('RS512', 'sha512')],
    ['algorithm PS256', rsa('PS256', 'sha256')],
    ...['hs256', 'HS256 ', 'ES256', 'EdDSA', 'dir', 'HS-256', ''].map((alg): [string, string] => [
      `algorithm ${alg || 'empty'}, signed as HS256`,
      forger.signed({ ...HEAD, alg }, claims),
    ]),
  ];
}

/** Each bit of the signature turned, and one of each byte of the payload. */
function bits({ header, payload, signature }: Forger): Variants {
  const turned = (text: string, byte: number, bit: number): string => {
    const bytes = Buffer.from(text, 'base64url');
    bytes.writeUInt8(bytes.readUInt8(byte) ^ (1 << bit), byte);
    return bytes.toString('base64url');
  };
  const bytesOf = (text: string): number[] => [...Buffer.from(text, 'base64url').keys()];
  return [
    ...bytesOf(signature).flatMap((byte) =>
      Array.from({ length: 8 }, (_, bit): [string, string] => [
        `bit ${String(bit)} of byte ${String(byte)} of the signature`,
        `${header}.${payload}.${turned(signature, byte, bit)}`,
      ]),
    ),
    ...bytesOf(payload).map((byte): [string, string] => [
      `byte ${String(byte)} of the payload`,
      `${header}.${turned(payload, byte, byte % 8)}.${signature}`,
    ]),
  ];
}
